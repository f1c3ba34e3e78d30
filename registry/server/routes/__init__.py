"""The endpoints of the distribution-spec, by what they are about. Each class holds the services."""
