"""Experiments: trial inputs, target outputs and masks, in NumPy alone."""
