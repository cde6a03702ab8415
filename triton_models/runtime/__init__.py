"""What runs inside Triton's Python stub, and in the stand-in: numpy, onnxruntime and tokenizers, nothing else."""
