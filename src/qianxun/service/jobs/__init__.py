"""Long work behind the service: what can be asked for, who runs it, what runs by the clock.

`kinds` is the table of what jobs do, `runner` runs them one at a time (`python -m qianxun.service.jobs`), `schedules`
asks for those that are due, `uploads` takes in files. The jobs themselves are kept by `qianxun.storage.jobs`.
"""
