"""What a guest is granted: flags, policies, and what the file asks for, put together before it runs."""
