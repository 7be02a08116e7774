"""What learns: backbones, the Lightning module and the served model."""
