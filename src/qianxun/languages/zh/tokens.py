"""Bearer tokens of an identity provider."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    "Sign in again and send the new token.": "请重新登录，使用新的令牌。",
    "The token is refused: it has expired.": "令牌被拒绝：它已过期。",
    "The token is refused: it is not valid yet.": "令牌被拒绝：它尚未生效。",
    "The token is refused: it is of another issuer.": "令牌被拒绝：它由别的签发者签发。",
    "The token is refused: it is for another audience.": "令牌被拒绝：它不是给本服务的。",
    "The token is refused: it has no claim {claim!r}.": "令牌被拒绝：它没有声明 {claim!r}。",
    "The token is refused: its claims are malformed.": "令牌被拒绝：它的声明格式不对。",
    "The token is refused: its claim {claim!r} names nobody.": "令牌被拒绝：它的声明 {claim!r} 没有指明任何人。",
    "The token is refused: it is not signed with a key of the issuer.": "令牌被拒绝：它不是用签发者的密钥签名的。",
    "The token is refused: it is no signed JSON Web Token.": "令牌被拒绝：它不是经过签名的 JSON Web Token。",
    "The token is refused: its algorithm is not one of tokens.algorithms.": "令牌被拒绝：它的算法不在 "
    "tokens.algorithms 之中。",
    "The token is refused: it is a token of another kind.": "令牌被拒绝：它是另一种令牌。",
    "The token is refused: it asks for an extension that is not understood.": "令牌被拒绝：它要求一种不认识的扩展。",
    "The token is refused: it is longer than {n} characters.": "令牌被拒绝：它超过 {n} 个字符。",
    "Tokens cannot be checked: the keys of {issuer} cannot be had.": "无法检查令牌：取不到 {issuer} 的密钥。",
    "Try again in a minute; the log of the service says what is wrong.": "请一分钟后再试；服务的日志里写着原因。",
    "{key} is no https address, or has a user name in it.": "{key} 不是 https 地址，或者里面有用户名。",
    "Example: https://login.example.com/realms/main; http only on this machine.": "例如："
    "https://login.example.com/realms/main；只有本机可以用 http。",
    "{url} is no JSON object.": "{url} 不是 JSON 对象。",
    "Check tokens.issuer and tokens.jwks_url.": "请检查 tokens.issuer 和 tokens.jwks_url。",
    "{url} holds no set of keys.": "{url} 里没有密钥集。",
    "{url} is too large for a set of keys.": "{url} 太大，不像密钥集。",
    "{url} is not where keys are.": "{url} 处没有密钥。",
    "Check tokens.jwks_url.": "请检查 tokens.jwks_url。",
    "{url} speaks for another issuer: {seen!r}.": "{url} 代表的是另一个签发者：{seen!r}。",
    "Write tokens.issuer exactly as it calls itself.": "tokens.issuer 必须与它的自称完全一致。",
    "{issuer} does not say where its keys are, or not over https.": "{issuer} 没有说明密钥在哪里，或者不是 https 地址"
    "。",
    "Set tokens.jwks_url.": "请设置 tokens.jwks_url。",
    "tokens.audience is empty, so tokens for any other service of {issuer} would do here.": "tokens.audience 为空，这"
    "样 {issuer} 签发给任何别的服务的令牌都能在这里使用。",
    "Set it to what the issuer knows this service by: a client id or an address.": "请设为签发者对本服务的称呼：客户"
    "端 id 或地址。",
    "tokens.algorithms: {seen!r} is no signature with a public key that is known here.": "tokens.algorithms："
    "{seen!r} 不是这里认识的公钥签名。",
    "Known are: {known}.": "认识的有：{known}。",
    "tokens.actions: {seen!r} cannot be given to everybody with a token.": "tokens.actions：{seen!r} 不能给每个有令牌"
    "的人。",
    "Possible are: {known}. Who may do everything is in tokens.admin_values.": "可以用的有：{known}。谁可以做一切，写"
    "在 tokens.admin_values 里。",
    "tokens.label_of: {seen!r} is not VALUE=LABEL.": "tokens.label_of：{seen!r} 不是“值=标签”。",
    "Example: 人力资源部=hr": "例如：人力资源部=hr",
    "tokens: {seen!r} has a comma in it, and no label has.": "tokens：{seen!r} 里有逗号，而标签不能有逗号。",
    "Take it out.": "请去掉它。",
    "tokens.admin_values are values of tokens.labels_claim, which is empty.": "tokens.admin_values 是 "
    "tokens.labels_claim 的值，而后者为空。",
    "Name the claim.": "请写明声明的名字。",
    "issuer of tokens, exactly as it writes itself in them; empty: no tokens are taken": "令牌的签发者，与令牌中的写"
    "法完全一致；为空：不接受令牌",
    "whom tokens must be for: what the issuer knows this service by": "令牌必须是给谁的：签发者对本服务的称呼",
    "address of the issuer's keys; empty: what the issuer says, at its well-known address": "签发者密钥的地址；为空："
    "以签发者在其公开地址上所说的为准",
    "signatures that are taken; only such with a public key": "接受的签名算法；只能是公钥算法",
    "by how much the clocks of issuer and service may differ": "签发者与服务的时钟最多可以相差多少",
    "time after which the issuer's keys are looked for again": "多久之后重新获取签发者的密钥",
    "time for which its last keys hold while the issuer cannot be reached": "签发者联系不上时，上次的密钥还能用多久",
    "claim that says who it is; limits and conversations are kept under it": "说明是谁的声明；限额和对话记在它名下",
    "claim with the name that people are shown": "给人看的名字所在的声明",
    "claim whose values become labels; a dot leads into a claim, as in realm_access.roles; empty: none": "其值成为标"
    "签的声明；点号进入声明内部，例如 realm_access.roles；为空：没有",
    "put before a value to make a label, such as `group:`": "加在值前面构成标签，例如 `group:`",
    "labels of values, as `VALUE=LABEL`; where there are any, other values give no label": "各个值对应的标签，写作“值"
    "=标签”；只要写了，其余的值就不产生标签",
    "labels that everybody with a token has": "每个有令牌的人都有的标签",
    "claim with the names of the knowledge bases that somebody may use; empty: every one": "写明可用哪些知识库的声明"
    "；为空：全部",
    "what somebody with a token may do at most: search, ask, read, write, feedback, evaluate, models": "有令牌的人最"
    "多可以做什么：search、ask、read、write、feedback、evaluate、models",
    "claim that says which of these, as `search` or `qianxun:search`; empty: all of them": "说明可做其中哪些的声明，"
    "写作 `search` 或 `qianxun:search`；为空：全部",
    "values of the claim of labels that make an administrator, who may do and see everything": "标签声明中使人成为管"
    "理员的值；管理员可以做一切、看一切",
}
