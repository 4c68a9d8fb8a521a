"""What a sensor is: its bands, their MTF and noise, and how a scene's sensor is recognised."""
