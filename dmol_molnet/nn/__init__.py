"""Layers and networks, as Keras layers on TensorFlow."""
