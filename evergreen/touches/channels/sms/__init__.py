"""SMS: Aliyun and Tencent by registered templates, Twilio by text."""

from evergreen.touches.channels.sms.aliyun import AliyunSms
from evergreen.touches.channels.sms.tencent import TencentSms
from evergreen.touches.channels.sms.twilio import TwilioSms

__all__ = ["AliyunSms", "TencentSms", "TwilioSms"]
