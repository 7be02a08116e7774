"""The science of veribeat as an installable library: plain functions on arrays, no paths, no orchestration."""
