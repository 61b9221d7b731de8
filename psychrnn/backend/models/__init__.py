"""The networks: one readable step each."""
