"""The data folder of QuantConnect's LEAN: zipped bars, factor files, map files, market hours."""
