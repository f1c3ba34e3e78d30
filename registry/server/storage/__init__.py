"""Where bytes are: ``protocol`` says what a storage can do, each other module is one."""
