/**
 * Lavapipe as Debian 12 has it: the Vulkan driver that computes on the CPU, and what it wants of a system.
 *
 * Mesa is that of bookworm-backports, since Dawn finds nothing that it accepts in bookworm's own (22.3). The sums are those of
 * the archive's signed index. Debian 12 has every library that these want, so nothing is missing beside glibc and libstdc++.
 */

/** Tried in this order; the second keeps what the first has replaced by a newer version. */
export const MIRRORS = [
  'http://deb.debian.org/debian',
  'https://snapshot.debian.org/archive/debian/20260901T000000Z',
];

/** Always unpacked: the driver (path in the archive's pool, SHA-256). */
export const DRIVER = [
  [
    'm/mesa/mesa-vulkan-drivers_25.0.7-2~bpo12+1_amd64.deb',
    '3899f1800424c60a05df5d6913076a526ca8fdbabec43672cd397563d1ca3263',
  ],
  [
    'libd/libdrm/libdrm2_2.4.123-1~bpo12+1_amd64.deb',
    '9cc2f341964286295124a32d3625edb76730500625e54a1e682761f883064d7b',
  ],
];

/** Unpacked where the system has no such library: its name, path in the pool, SHA-256. */
export const LIBRARIES = {
  'libvulkan.so.1': [
    'v/vulkan-loader/libvulkan1_1.3.239.0-1_amd64.deb',
    '622f28b807ba55a1f5ad1622ff83aa2c5b11fedbec074850e04c10a8f28b43d3',
  ],
  'libLLVM-15.so.1': [
    'l/llvm-toolchain-15/libllvm15_15.0.6-4+b1_amd64.deb',
    '9f0751109ba89e65b1313a4f3e34a29977a0db6fa30ed475e2c6bd555fa9e866',
  ],
  'libxshmfence.so.1': [
    'libx/libxshmfence/libxshmfence1_1.3-1_amd64.deb',
    '1a38142e40e3d32dc4f9a326bf5617363b7d9b4bb762fdcdd262f2192092024d',
  ],
  'libwayland-client.so.0': [
    'w/wayland/libwayland-client0_1.21.0-1_amd64.deb',
    '1f002d028b8b79eec9847c636d8886d10dfe8c884cc2bebe18086b1391c5a28d',
  ],
  'libz.so.1': [
    'z/zlib/zlib1g_1.2.13.dfsg-1_amd64.deb',
    'd7dd1d1411fedf27f5e27650a6eff20ef294077b568f4c8c5e51466dc7c08ce4',
  ],
  'libzstd.so.1': [
    'libz/libzstd/libzstd1_1.5.4+dfsg2-5_amd64.deb',
    '6315b5ac38b724a710fb96bf1042019398cb656718b1522279a5185ed39318fa',
  ],
  'libexpat.so.1': [
    'e/expat/libexpat1_2.5.0-1+deb12u2_amd64.deb',
    '2255e62fc22a86d2c544b8a3f516da9aee19383ad5742722ab4ce7f66a30dbc8',
  ],
  'libxcb.so.1': [
    'libx/libxcb/libxcb1_1.15-1_amd64.deb',
    'fdc61332a3892168f3cc9cfa1fe9cf11a91dc3e0acacbc47cbc50ebaa234cc71',
  ],
  'libxcb-randr.so.0': [
    'libx/libxcb/libxcb-randr0_1.15-1_amd64.deb',
    'f86e3d8ff8622871008833e9d064919b7a6237399c903c59fc330ff00f199ff5',
  ],
  'libX11-xcb.so.1': [
    'libx/libx11/libx11-xcb1_1.8.4-2+deb12u2_amd64.deb',
    'f5da45e1d881a793250a96613f28c471a248877f1a0f18a5c90e2a620a76c898',
  ],
  'libxcb-dri3.so.0': [
    'libx/libxcb/libxcb-dri3-0_1.15-1_amd64.deb',
    '02699b144b9467de8636d27a76984b8f4e7b66e2d25d96df2b9677be86ee9a29',
  ],
  'libxcb-present.so.0': [
    'libx/libxcb/libxcb-present0_1.15-1_amd64.deb',
    '89383e627a4d17b9390d609b2459481bfd2029566367b43068586769e418b6e5',
  ],
  'libxcb-xfixes.so.0': [
    'libx/libxcb/libxcb-xfixes0_1.15-1_amd64.deb',
    'd744a7ebad2cbcf301c96cd6a1ab3ee856e436fc7be5cff5b7c28ac2ac181a64',
  ],
  'libxcb-sync.so.1': [
    'libx/libxcb/libxcb-sync1_1.15-1_amd64.deb',
    '3366ce715220d38dd0148b78a8e738137bade25ef7eec0698850c6f66800844f',
  ],
  'libxcb-shm.so.0': [
    'libx/libxcb/libxcb-shm0_1.15-1_amd64.deb',
    'c1afcef29dc78b95c475159b181b28b1dedaf1d5aa06efd2fa6d90c73bfbe0e5',
  ],
  'libffi.so.8': [
    'libf/libffi/libffi8_3.4.4-1_amd64.deb',
    '6d9f6c25c30efccce6d4bceaa48ea86c329a3432abb360a141f76ac223a4c34a',
  ],
  'libedit.so.2': [
    'libe/libedit/libedit2_3.1-20221030-2_amd64.deb',
    '1cf14abf2716d3279db12d0657a5737cf70074a1e71d3bdf73206625e3c89ce6',
  ],
  'libz3.so.4': [
    'z/z3/libz3-4_4.8.12-3.1_amd64.deb',
    '6221ca25ad5abcfbe1965801029d85a88b4775320384b4b716de8fab7a4d2f7a',
  ],
  'libtinfo.so.6': [
    'n/ncurses/libtinfo6_6.4-4_amd64.deb',
    '072d908f38f51090ca28ca5afa3b46b2957dc61fe35094c0b851426859a49a51',
  ],
  'libxml2.so.2': [
    'libx/libxml2/libxml2_2.9.14+dfsg-1.3~deb12u6_amd64.deb',
    '4460e39dda10a815881374217cde08474747cfa018358cd8612c14b390eff53b',
  ],
  'libXau.so.6': [
    'libx/libxau/libxau6_1.0.9-1_amd64.deb',
    '679db1c4579ec7c61079adeaae8528adeb2e4bf5465baa6c56233b995d714750',
  ],
  'libXdmcp.so.6': [
    'libx/libxdmcp/libxdmcp6_1.1.2-3_amd64.deb',
    'ecb8536f5fb34543b55bb9dc5f5b14c9dbb4150a7bddb3f2287b7cab6e9d25ef',
  ],
  'libbsd.so.0': [
    'libb/libbsd/libbsd0_0.11.7-2_amd64.deb',
    'bb31cc8b40f962a85b2cec970f7f79cc704a1ae4bad24257a822055404b2c60b',
  ],
  'libicuuc.so.72': [
    'i/icu/libicu72_72.1-3+deb12u1_amd64.deb',
    'f7f6f99c6d7b025914df2447fc93e11d22c44c0c8bdd8b6f36691c9e7ddcef88',
  ],
  'libicudata.so.72': [
    'i/icu/libicu72_72.1-3+deb12u1_amd64.deb',
    'f7f6f99c6d7b025914df2447fc93e11d22c44c0c8bdd8b6f36691c9e7ddcef88',
  ],
  'liblzma.so.5': [
    'x/xz-utils/liblzma5_5.4.1-1+deb12u1_amd64.deb',
    'f96d8876b53ec89d76a992bc199679b818cf518225a768954d9451fb556a4eb7',
  ],
  'libmd.so.0': [
    'libm/libmd/libmd0_1.0.4-2_amd64.deb',
    '03539fd30c509e27101d13a56e52eda9062bdf1aefe337c07ab56def25a13eab',
  ],
};
