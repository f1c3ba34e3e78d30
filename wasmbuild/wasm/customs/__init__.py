"""Custom sections: what compilers and tools write beside the code."""
