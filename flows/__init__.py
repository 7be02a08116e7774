"""When and where: the pipeline flow, workspaces and the `veribeat` command."""
