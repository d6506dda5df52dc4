"""The multilayer perceptron for points in the plane, in PyTorch."""

import math

import torch
import torch.nn.functional as F
from torch import nn

ACTIVATIONS = {"silu": F.silu, "relu": F.relu, "gelu": F.gelu}


class TimeEmbedding(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear_1, self.linear_2 = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, t):
        half = self.linear_1.in_features // 2
        frequencies = torch.exp(-math.log(10000.0) * torch.arange(half, dtype=t.dtype) / half)
        angles = torch.outer(t, frequencies)
        features = torch.cat([angles.cos(), angles.sin()], dim=1)
        features = F.pad(features, (0, self.linear_1.in_features - 2 * half))
        return self.linear_2(F.silu(self.linear_1(features)))


class Layer(nn.Module):
    def __init__(self, inputs, outputs, time):
        super().__init__()
        self.linear, self.time_emb_proj = nn.Linear(inputs, outputs), nn.Linear(time, outputs)


class Mlp(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        time, hidden = config["time_embedding_dim"], config["hidden_channels"]
        pixels = config["sample_size"] ** 2
        self.time_embedding = TimeEmbedding(time)
        classes = config["num_class_embeds"]
        self.class_embedding = nn.Embedding(classes, time) if classes else None
        widths = [config["in_channels"] * pixels, *hidden]
        self.layers = nn.ModuleList(Layer(a, b, time) for a, b in zip(widths, hidden))
        self.linear_out = nn.Linear(hidden[-1], config["out_channels"] * pixels)

    def forward(self, sample, timestep, labels=None):
        activation = ACTIVATIONS[self.config["act_fn"]]
        time = self.time_embedding(timestep * self.config["time_scale"])
        if self.class_embedding:
            time = time + self.class_embedding(labels)
        h = sample.flatten(1)
        for layer in self.layers:
            h = activation(layer.linear(h) + layer.time_emb_proj(activation(time)))
        side = self.config["sample_size"]
        return self.linear_out(h).unflatten(1, (self.config["out_channels"], side, side))
