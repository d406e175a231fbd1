"""Descriptions: upsamplers written down as data, and made again from the data."""
