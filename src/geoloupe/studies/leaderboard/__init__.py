"""Models x data sets x protocols x factors x degradations: measured once, kept, and tabulated."""
