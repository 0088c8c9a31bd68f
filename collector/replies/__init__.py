"""Answers from a chat, without a public address: the house calls out and keeps the line open.

A line (``dingtalk``, ``feishu``) speaks one chat's long connection and hands over what somebody
said as ``Said``. ``understanding`` says what is meant, ``room`` does it and words the answer.
"""
