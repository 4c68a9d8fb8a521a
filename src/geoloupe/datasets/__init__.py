"""What data sets are, how they are prepared once, and how samples are drawn from them."""
