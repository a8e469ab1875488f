"""The inventory of delivery areas: read, checked, brought to the schema and to CDS."""
