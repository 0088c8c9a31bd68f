"""What stands between any sensor and the notebook: warm-up, calibration, bounds, report on change."""
