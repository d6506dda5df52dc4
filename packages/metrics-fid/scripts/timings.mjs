/** The README's table of timings. Build the package, then: node packages/metrics-fid/scripts/timings.mjs */
import { streamNormal } from '@immiscible/random';
import { Moments, frechetFromFeatures, frechetFromMoments } from '@immiscible/metrics-fid';

/** Best of `runs`, in seconds of processor time, which other work on the machine disturbs least. */
function seconds(runs, work) {
  const times = Array.from({ length: runs }, () => {
    const start = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1e6;
  });
  return Math.min(...times).toPrecision(2);
}

console.log('| d | N, both sets | `Moments.add`, one set | `frechetFromMoments` | `frechetFromFeatures` |');
console.log('| - | - | - | - | - |');
for (const [dimension, samples, runs] of [
  [64, 10_000, 5],
  [128, 10_000, 5],
  [512, 10_000, 2],
  [2048, 512, 2],
  [2048, 4096, 1],
]) {
  const sets = [1, 2].map((seed) => ({
    data: streamNormal(seed, 0, new Float32Array(samples * dimension)),
    dimension,
  }));
  const moments = sets.map(({ data }) => new Moments(dimension).add(data));
  const cells = [
    dimension,
    samples,
    `${seconds(runs, () => new Moments(dimension).add(sets[0].data))} s`,
    `${seconds(runs, () => frechetFromMoments(moments[0], moments[1]))} s`,
    `${seconds(runs, () => frechetFromFeatures(sets[0], sets[1]))} s`,
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
