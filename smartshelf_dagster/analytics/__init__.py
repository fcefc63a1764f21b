"""What sales tell of baskets and of customers: rules, recommendations, lifetime value.

Pure: frames in, frames out. No clock, no global randomness, no lake.
"""
