"""Alert rules: the list, one of them with its trial, making and changing one."""
