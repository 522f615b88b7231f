"""From scenes and labels to weights, and from weights to an ONNX file that carries its ModelSpec."""
