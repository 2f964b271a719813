"""The main job on real input: a community from its first home to the erasure of somebody who moved away."""
