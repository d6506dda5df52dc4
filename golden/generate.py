"""Makes every recording of this folder again: python golden/generate.py [PART …]; all parts by default."""

import sys

import generate_checkpoints
import generate_objectives
import generate_ops
import generate_optim
import generate_pipelines
import generate_scaler
import generate_unet
import philox

PARTS = {
    "ops": generate_ops.main,
    "checkpoints": generate_checkpoints.main,
    "unet": generate_unet.main,
    "optim": generate_optim.main,
    "scaler": generate_scaler.main,
    "objectives": generate_objectives.main,
    "pipelines": generate_pipelines.main,
}

if __name__ == "__main__":
    unknown = set(sys.argv[1:]) - set(PARTS)
    if unknown:
        sys.exit(f"generate: no part named {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    philox.self_test()
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()
