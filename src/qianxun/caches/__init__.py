"""Caches: small values kept for a while, in this process or in Redis. What is lost is computed again."""

from qianxun.caches.memory import MemoryCache
from qianxun.caches.redis import RedisCache
from qianxun.caches.sealed import SealedCache

__all__ = ["MemoryCache", "RedisCache", "SealedCache"]
