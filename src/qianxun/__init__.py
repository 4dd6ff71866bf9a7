"""qianxun (千寻): ask your own documents; get answers whose citations are checked."""
