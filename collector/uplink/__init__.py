"""Reports to a bureau: our readings as HJ 212 data, sent again until the receiver says that it has them."""
