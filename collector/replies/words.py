"""What is answered in a chat, in Chinese and English."""

from dataclasses import dataclass

from alerts.words import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """``{what}`` is an incident in a few words, ``{who}`` a name, ``{account}`` the chat's own id."""

    stranger: str
    nothing: str
    which: str
    one: str
    taken: str
    theirs: str
    over: str
    not_called: str
    help: str


_BY_LANGUAGE = {
    Language.ZH: Answers(
        stranger="您还没有登记，消息没有转给任何人。请把这个号码发给管理员：{account}\n"
        "着火、有人受伤，请直接打 119、120。",
        nothing="现在没有等您处理的事。",
        which="有 {n} 件事在等您，请回复“收到”加编号：\n{list}",
        one="收到 {id}：{what}",
        taken="好的，由您处理：{what}\n弄好以后，请点消息里的链接，或者打电话说一声。",
        theirs="{who}已经在处理：{what}",
        over="这件事已经恢复，不用去了：{what}",
        not_called="编号 {id} 不是通知您处理的事。",
        help="没看懂这句话，也没有转给任何人。回复“收到”，就是由您来处理。\n"
        "着火、有人受伤，请直接打 119、120。",
    ),
    Language.EN: Answers(
        stranger="You are not registered, and nobody was told. Send this number to whoever runs "
        "the watch: {account}\nFire or somebody hurt: phone 119 or 120.",
        nothing="Nothing is waiting for you now.",
        which="{n} matters are waiting for you. Reply “ok” and the number:\n{list}",
        one="ok {id}: {what}",
        taken="Good, you have taken over: {what}\nWhen it is done, open the link in the message, "
        "or phone.",
        theirs="{who} has it already: {what}",
        over="It is over; no need to go: {what}",
        not_called="You were not called to number {id}.",
        help="That was not understood, and nobody was told. Reply “ok” to take it over.\n"
        "Fire or somebody hurt: phone 119 or 120.",
    ),
}


def answers(language: Language) -> Answers:
    return _BY_LANGUAGE[language]
