"""The plan in the formats that other software opens: GeoJSON, GPX, NGSI-LD."""
