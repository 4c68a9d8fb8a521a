"""The parts of the drawn sample scene: brushes, the countryside, the village."""
