"""The model hub: pretrained weights that can be pulled, checked, mirrored and published."""
