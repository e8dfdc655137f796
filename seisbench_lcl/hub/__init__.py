"""The model hub: pull, check, mirror and publish pretrained weights."""
