"""Objects as data, and data as objects: what makes an upsampler, written down and made again."""
