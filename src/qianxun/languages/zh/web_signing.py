"""Chinese for signing in with an identity provider."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # pages
    "Sign in with {issuer}": "用 {issuer} 登录",
    "Or with a key, if your administrator gave you one.": "如果管理员给了您密钥，也可以用密钥登录。",
    "You are signed out here. At {issuer} you may still be signed in.": (
        "您已退出本系统，但在 {issuer} 可能仍是登录状态。"
    ),
    "Sign out there too": "在那边也退出",
    "With {issuer} one signs in at the pages of the service.": "如需用 {issuer} 登录，请到服务的页面。",
    "On the same host that counts here too.": "若在同一主机，登录后这里同样有效。",
    # what goes wrong
    "Try again.": "请重试。",
    "{issuer} cannot be reached.": "暂时无法连接 {issuer}。",
    "{issuer} refused to sign you in ({reason}).": "{issuer} 未允许登录（{reason}）。",
    "{issuer} signed you in, but its tokens are not for this service.": (
        "{issuer} 已登录，但它签发的令牌不是给本服务的。"
    ),
    "Your administrator sets tokens.audience to what they are for.": "请管理员把 tokens.audience 设为令牌的受众。",
    "{issuer} signed you in with a token that does not hold.": "{issuer} 已登录，但它签发的令牌无效。",
    "Your administrator finds why in the log of the service.": "原因请管理员查看服务日志。",
    "The clocks of {issuer} and of this service differ.": "{issuer} 与本服务的时钟不一致。",
    "Your administrator sets them right.": "请管理员校准时钟。",
    "The answer is not of {issuer}.": "收到的答复不是来自 {issuer}。",
    "This browser did not begin to sign in, or too long ago.": "此次登录不是在本浏览器中发起的，或者已超时。",
    "The session is being renewed.": "正在续期登录。",
    "The token is refused: it is somebody else's.": "令牌被拒绝：它属于另一个人。",
    # settings
    "oidc.secret_env names the environment variable {variable}, which is not set.": (
        "oidc.secret_env 指定的环境变量 {variable} 没有设置。"
    ),
    "Put the client's secret into it, or empty oidc.secret_env for a client without one.": (
        "请把客户端密钥放进该变量；没有密钥的客户端请把 oidc.secret_env 留空。"
    ),
    "oidc.client_id is set, and no issuer to sign in with.": "设置了 oidc.client_id，却没有可登录的签发者。",
    "Set tokens.issuer and tokens.audience.": "请设置 tokens.issuer 和 tokens.audience。",
    "{issuer} does not say where one signs in, or not over https.": (
        "{issuer} 没有说明在哪里登录，或者不是 https 地址。"
    ),
    "Check tokens.issuer.": "请检查 tokens.issuer。",
    "{url}: HTTP {status}": "{url}：HTTP {status}",
    "web.address: {seen!r} is more than a scheme, a host and a port.": (
        "web.address：{seen!r} 除协议、主机和端口外还有别的内容。"
    ),
    "Example: https://search.example.com": "例如：https://search.example.com",
    "how long somebody who signed in stays signed in": "登录后保持登录的时长（小时）",
    "address that people reach the pages by, as https://search.example.com; empty: that of each request": (
        "人们访问页面所用的地址，例如 https://search.example.com；为空：以每次请求的地址为准"
    ),
    "what the issuer of `tokens` knows the pages by; empty: one signs in with a key only": (
        "`tokens` 的签发者用来称呼这些页面的客户端 id；为空：只用密钥登录"
    ),
    "environment variable that holds the client's secret; empty: a client without one": (
        "存放客户端密钥的环境变量；为空：没有密钥的公开客户端"
    ),
    "what the issuer is asked for; some renew tokens only with offline_access": (
        "向签发者请求的范围；有些签发者须有 offline_access 才会续发令牌"
    ),
    "what the issuer is called on the button; empty: its host": "登录按钮上签发者的名称；为空：其主机名",
}
