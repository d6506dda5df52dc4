"""NCSN++ and DDPM++ in PyTorch, after the papers (Song et al. 2021, appendix H; Karras et al. 2022, appendix F).

Written apart from the package's own, and otherwise where there is a choice: the filters are depthwise convolutions and
transposed ones, attention is written out, and levels are nested lists.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

HALF = math.sqrt(0.5)


def group_norm(channels):
    return nn.GroupNorm(min(32, channels // 4), channels, eps=1e-6)


def taps_of(config, channels, like):
    taps = torch.tensor(config["resample_filter"], dtype=like.dtype)
    kernel = torch.outer(taps, taps) / taps.sum() ** 2
    return kernel.expand(channels, 1, -1, -1)


def smaller(config, x, padding):
    channels = x.shape[1]
    return F.conv2d(x, taps_of(config, channels, x), stride=2, padding=padding, groups=channels)


def larger(config, x):
    channels = x.shape[1]
    padding = len(config["resample_filter"]) // 2 - 1
    return F.conv_transpose2d(x, 4 * taps_of(config, channels, x), stride=2, padding=padding, groups=channels)


class Block(nn.Module):
    def __init__(self, config, inputs, outputs, embedding, resample=None, attends=False):
        super().__init__()
        self.config, self.resample, self.attends = config, resample, attends
        self.norm0 = group_norm(inputs)
        self.conv0 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.affine = nn.Linear(embedding, outputs)
        self.norm1 = group_norm(outputs)
        self.conv1 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs or resample else None
        if attends:
            self.norm2 = group_norm(outputs)
            self.qkv = nn.Conv2d(outputs, 3 * outputs, 1)
            self.proj = nn.Conv2d(outputs, outputs, 1)

    def resampled(self, x):
        if self.resample == "down":
            return smaller(self.config, x, len(self.config["resample_filter"]) // 2 - 1)
        return larger(self.config, x) if self.resample == "up" else x

    def forward(self, x, embedding):
        h = self.conv0(self.resampled(F.silu(self.norm0(x))))
        h = self.norm1(h + self.affine(embedding)[:, :, None, None])
        h = self.conv1(F.silu(h))
        x = HALF * (h + (self.skip(self.resampled(x)) if self.skip else x))
        if self.attends:
            b, c, height, width = x.shape
            qkv = self.qkv(self.norm2(x)).reshape(b, c, 3, height * width)
            q, k, v = qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2]
            shares = torch.softmax(torch.einsum("bcq,bck->bqk", q, k) / math.sqrt(c), dim=-1)
            x = HALF * (x + self.proj(torch.einsum("bqk,bck->bcq", shares, v).reshape(x.shape)))
        return x


class Features(nn.Module):
    """Random Fourier features, or sinusoids whose slowest is 1/10000."""

    def __init__(self, config, length):
        super().__init__()
        self.half = length // 2
        if config["embedding_type"] == "fourier":
            self.register_buffer("freqs", torch.zeros(self.half))

    def forward(self, t):
        if hasattr(self, "freqs"):
            angles = 2 * math.pi * t[:, None] * self.freqs
        else:
            exponents = torch.arange(self.half, dtype=t.dtype) / (self.half - 1)
            angles = t[:, None] * 10000.0**-exponents
        return torch.cat([angles.sin(), angles.cos()], dim=1)


class Ncsnpp(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        base, blocks = config["model_channels"], config["num_blocks"]
        widths = [base * multiplier for multiplier in config["channel_mult"]]
        levels = len(widths)
        embedding, noise = base * config["channel_mult_emb"], base * config["channel_mult_noise"]
        attends = [config["sample_size"] >> level in config["attn_resolutions"] for level in range(levels)]
        sides = [f"{config['sample_size'] >> level}x{config['sample_size'] >> level}" for level in range(levels)]

        self.map_noise = Features(config, noise)
        classes = config["num_class_embeds"]
        self.map_label = nn.Linear(classes, noise) if classes else None
        self.map_layer0 = nn.Linear(noise, embedding)
        self.map_layer1 = nn.Linear(embedding, embedding)

        self.enc, self.dec = nn.ModuleDict(), nn.ModuleDict()
        skips, width, image = [], base, config["in_channels"]
        for level in range(levels):
            if level == 0:
                self.enc[f"{sides[0]}_conv"] = nn.Conv2d(config["in_channels"], base, 3, padding=1)
            else:
                self.enc[f"{sides[level]}_down"] = Block(config, width, width, embedding, "down")
                if config["encoder_type"] == "residual":
                    convolution = nn.Conv2d(image, width, 3, padding=len(config["resample_filter"]) // 2)
                    self.enc[f"{sides[level]}_aux_residual"] = convolution
                    image = width
            skips.append(width)
            for i in range(blocks):
                block = Block(config, width, widths[level], embedding, attends=attends[level])
                self.enc[f"{sides[level]}_block{i}"] = block
                width = widths[level]
                skips.append(width)
        for level in reversed(range(levels)):
            if level == levels - 1:
                self.dec[f"{sides[level]}_in0"] = Block(config, width, width, embedding, attends=True)
                self.dec[f"{sides[level]}_in1"] = Block(config, width, width, embedding)
            else:
                self.dec[f"{sides[level]}_up"] = Block(config, width, width, embedding, "up")
            for i in range(blocks + 1):
                last = i == blocks and attends[level]
                block = Block(config, width + skips.pop(), widths[level], embedding, attends=last)
                self.dec[f"{sides[level]}_block{i}"] = block
                width = widths[level]
        self.dec[f"{sides[0]}_aux_norm"] = group_norm(width)
        self.dec[f"{sides[0]}_aux_conv"] = nn.Conv2d(width, config["out_channels"], 3, padding=1)

    def forward(self, sample, timestep, labels=None):
        features = self.map_noise(timestep * self.config["time_scale"])
        if self.map_label:
            classes = self.config["num_class_embeds"]
            one_hot = F.one_hot(labels, classes).to(features.dtype)
            features = features + self.map_label(one_hot * math.sqrt(classes))
        embedding = F.silu(self.map_layer1(F.silu(self.map_layer0(features))))

        x = image = sample
        skips = []
        for name, layer in self.enc.items():
            if name.endswith("_aux_residual"):
                x = image = HALF * (x + smaller(self.config, layer(image), 0))
                skips[-1] = x
            else:
                x = layer(x, embedding) if isinstance(layer, Block) else layer(x)
                skips.append(x)
        for name, layer in self.dec.items():
            if "_block" in name:
                x = layer(torch.cat([x, skips.pop()], dim=1), embedding)
            elif isinstance(layer, Block):
                x = layer(x, embedding)
            else:
                x = layer(F.silu(x)) if name.endswith("_conv") else layer(x)
        return x
