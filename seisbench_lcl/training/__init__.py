"""Training: windows from SeisBench datasets."""
