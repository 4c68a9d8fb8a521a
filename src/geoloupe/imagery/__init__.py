"""Pixels that know what they are: values, validity, bands, place and radiometry. numpy only."""
