"""Independent models of the microgpt protocol, in float64: what every engine is compared with."""
