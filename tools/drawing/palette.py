"""Reflectance in red, green, blue and near infrared of what a drawn scene shows."""

import numpy as np

GRASS = np.array([0.080, 0.108, 0.054, 0.36])
LAWN = np.array([0.088, 0.122, 0.060, 0.40])
TREE = np.array([0.038, 0.064, 0.034, 0.34])
ASPHALT = np.array([0.118, 0.118, 0.120, 0.14])
LANE = np.array([0.125, 0.120, 0.115, 0.15])
PAINT = np.array([0.50, 0.50, 0.49, 0.52])
TRACK = np.array([0.23, 0.19, 0.14, 0.28])
SAND = np.array([0.205, 0.180, 0.138, 0.26])
WATER = np.array([0.028, 0.050, 0.054, 0.016])
CONCRETE = np.array([0.215, 0.21, 0.20, 0.24])
METAL = np.array([0.27, 0.28, 0.295, 0.31])

CROPS = np.array(
    [
        [0.058, 0.095, 0.044, 0.46],  # beet
        [0.082, 0.125, 0.055, 0.42],  # young maize
        [0.215, 0.178, 0.105, 0.32],  # ripe wheat
        [0.180, 0.160, 0.092, 0.34],  # barley
        [0.170, 0.132, 0.098, 0.24],  # light soil
        [0.125, 0.098, 0.074, 0.18],  # ploughed soil
        [0.098, 0.118, 0.062, 0.35],  # meadow
        [0.230, 0.215, 0.075, 0.45],  # rape in flower
    ]
)
CROP_SHARES = np.array([0.18, 0.17, 0.16, 0.12, 0.11, 0.09, 0.13, 0.04])

ROOFS = np.array(
    [
        [0.235, 0.120, 0.085, 0.28],  # tiles
        [0.200, 0.105, 0.080, 0.25],
        [0.260, 0.150, 0.108, 0.30],
        [0.145, 0.145, 0.152, 0.17],  # slate
    ]
)
ROOF_SHARES = np.array([0.35, 0.25, 0.2, 0.2])
