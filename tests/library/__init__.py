"""The library's writes on their twins, each against every fault."""
