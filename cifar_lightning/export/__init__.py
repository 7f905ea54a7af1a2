"""Trained nets outside this package: as an ONNX file, as a page that tries them, as a figure that explains them."""
