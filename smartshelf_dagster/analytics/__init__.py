"""What is reckoned beyond SQL of baskets, customers and stock.

Pure: frames in, frames out. No clock, no global randomness, no lake.
"""
