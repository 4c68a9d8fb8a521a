"""What a coarser sensor would have seen: HR Image -> LR Image, by named recipes."""
