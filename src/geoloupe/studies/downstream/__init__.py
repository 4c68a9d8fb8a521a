"""What sharpened images are good for: the tasks that come after, on them and on the truth."""
