"""Simplified Chinese for every sentence of the pages; the English sentence is the key."""

from __future__ import annotations

from collections.abc import Mapping

CHECKOUT_TEXTS: dict[str, str] = {
    # The page
    "Sandbox": "沙盒",
    "Sandbox — no real money": "沙盒环境，不涉及真实资金",
    "Error:": "出错：",
    "Payment": "付款",
    "Pay {merchant}": "付款给 {merchant}",
    "Pay {amount}": "支付 {amount}",
    "Book with {merchant}": "在 {merchant} 预订",
    "Book for {amount}": "预订，支付 {amount}",
    "Donate to {merchant}": "捐给 {merchant}",
    "Donate {amount}": "捐 {amount}",
    "Subscribe to {merchant}": "订阅 {merchant}",
    "Subscribe for {amount}": "订阅，支付 {amount}",
    "Complete order": "完成订单",
    "Cancel and go back to": "取消并返回",
    "Back to {merchant}": "返回 {merchant}",
    "Total due": "应付总额",
    "Quantity {quantity}": "数量 {quantity}",
    "{amount} each": "单价 {amount}",
    "Contact": "联系方式",
    "Email": "邮箱",
    "Payment method": "付款方式",
    "Card": "银行卡",
    "SEPA Direct Debit": "SEPA 直接扣款",
    "US bank account": "美国银行账户",
    "Bank transfer": "银行转账",
    "Bacs Direct Debit": "Bacs 直接扣款",
    "Alipay": "支付宝",
    "WeChat Pay": "微信支付",
    "Konbini": "便利店付款（Konbini）",
    "Card number": "卡号",
    "Expiry date": "有效期",
    "MM / YY": "月 / 年",
    "Security code": "安全码",
    "Name on card or account": "持卡人或户主姓名",
    "This takes days to arrive. {merchant} delivers when the money is there.": (
        "款项要几天才能到账，到账后 {merchant} 才会发货。"
    ),
    "{method} would ask you to confirm now. The sandbox does it for you.": (
        "本应由{method}请您确认，沙盒会代您确认。"
    ),
    "Processing…": "处理中…",
    "A test payment to {merchant}. No card is charged.": (
        "这是付给 {merchant} 的测试款，不会真的扣款。"
    ),
    "Served by stripe_sandbox, a local stand-in for Stripe.": (
        "本页由 stripe_sandbox 提供，它在本机模拟 Stripe。"
    ),
    # Mistyped fields
    "Some details need another look": "有几处需要修改",
    "Enter your email address.": "请填写邮箱。",
    "Enter an email address like name@example.com.": "请填写完整的邮箱，例如 name@example.com。",
    "Choose how you want to pay.": "请选择付款方式。",
    "Enter your card number.": "请填写卡号。",
    "Your card number is incomplete.": "卡号不完整。",
    "Your card number is invalid. Check its digits.": "卡号无效，请核对数字。",
    "Enter the expiry date as MM / YY.": "请填写有效期：月 / 年。",
    "Enter the expiry date as MM / YY, for example 04 / 32.": (
        "请按“月 / 年”填写有效期，例如 04 / 32。"
    ),
    "Your card’s expiry date is in the past.": "银行卡已过有效期。",
    "Enter your card’s security code.": "请填写安全码。",
    "Your card’s security code is incomplete.": "安全码不完整。",
    "Enter the account holder’s name.": "请填写持卡人或户主姓名。",
    "Enter your IBAN.": "请填写 IBAN。",
    "Your IBAN is invalid. Check its letters and digits.": "IBAN 无效，请核对字母和数字。",
    # Declines
    "Your card was declined.": "银行卡被拒绝。",
    "The payment was declined.": "付款被拒绝。",
    "Your card has insufficient funds.": "卡内余额不足。",
    "Your card has expired.": "银行卡已过期。",
    "Your card’s security code is incorrect.": "安全码不正确。",
    "Your card number is incorrect.": "卡号不正确。",
    "Your card could not be processed.": "银行卡暂时无法处理。",
    "The authentication failed.": "身份验证未通过。",
    "Nothing was charged. Try another card.": "没有扣款。请换一张卡。",
    "Nothing was charged. Try another way to pay.": "没有扣款。请换一种付款方式。",
    "Nothing was charged. Check the code and try again.": "没有扣款。请核对安全码后重试。",
    "Nothing was charged. Check the number and try again.": "没有扣款。请核对卡号后重试。",
    "Nothing was charged. Try again in a little while.": "没有扣款。请稍后再试。",
    "Nothing was charged. Try again or use another card.": "没有扣款。请重试或换一张卡。",
    "This is not a test card.": "这不是测试卡。",
    "Nothing was charged. The sandbox knows test cards only.": "没有扣款。沙盒只认测试卡。",
    # The bank's page
    "3-D Secure test page": "3-D Secure 测试页",
    "Confirm your payment": "确认付款",
    "A real bank would now ask whether it is you who pays.": "真实的银行会在这里确认是您本人付款。",
    "Merchant": "商户",
    "Amount": "金额",
    "Complete authentication": "通过验证",
    "Fail authentication": "验证失败",
    # Instead of a form
    "There is no such checkout": "找不到这个付款页",
    "The address may be cut off, or the sandbox was started afresh since. Go back to the shop and "
    "start again.": "网址可能不完整，或者沙盒已重新开始。请返回商店重新下单。",
    "This checkout has expired": "这个付款页已过期",
    "Nothing was charged. Go back to the shop and start again.": ("没有扣款。请返回商店重新下单。"),
    "This checkout is already paid": "这笔订单已付款",
    "There is nothing more to do here.": "这里不需要再做什么了。",
    "This payment is on its way": "付款正在途中",
    "The bank confirms it within a few days. There is nothing more to do here.": (
        "银行会在几天内确认，这里不需要再做什么了。"
    ),
    "This form was sent from another site": "这个表单来自别的网站",
    "Nothing happened. Open the checkout itself and pay there.": (
        "什么也没有发生。请打开付款页本身再付款。"
    ),
    # Test numbers
    "Test cards and accounts": "测试卡与测试账户",
    "Choose one to fill in the form. Any future date and any security code do.": (
        "点一个即可填入表单。有效期填任意未来日期，安全码任意。"
    ),
    "Succeeds": "付款成功",
    "Visa, paid at once": "Visa，立即付清",
    "Mastercard, paid at once": "Mastercard，立即付清",
    "Amex, 4-digit code": "Amex，安全码 4 位",
    "Asks for 3-D Secure": "要求 3-D Secure 验证",
    "Authentication required": "必须验证",
    "Passes, then declined": "验证通过后被拒绝",
    "Declined": "被拒绝",
    "Declined without a reason": "拒绝，不说明原因",
    "Insufficient funds": "余额不足",
    "Expired card": "卡已过期",
    "Wrong security code": "安全码错误",
    "Processing error": "处理出错",
    "Blocked as fraud": "因欺诈被拦截",
    "Paid, trouble later": "付清，之后出问题",
    "Disputed as fraud": "以欺诈为由拒付",
    "Inquiry by the bank": "银行发起问询",
    "Early fraud warning": "早期欺诈预警",
    "A refund fails later": "退款后来失败",
    "A refund stays pending first": "退款先处于处理中",
    "Settles": "到账",
    "Processing, then paid": "先处理中，再付清",
    "Paid after a delay": "延迟后付清",
    "Fails": "失败",
    "Processing, then failed": "先处理中，再失败",
    "Failed after a delay": "延迟后失败",
    "Paid, then disputed": "付清，之后被拒付",
}

DASHBOARD_TEXTS: dict[str, str] = {
    # The frame
    "Stripe sandbox": "Stripe 沙盒",
    "Skip to content": "跳到正文",
    "Dashboard": "控制台",
    "Overview": "概览",
    "Sessions": "结账会话",
    "Payments": "付款",
    "Refunds": "退款",
    "Disputes": "争议",
    "Events": "事件",
    "Deliveries": "投递",
    "Endpoints": "接收端点",
    "Faults": "故障",
    "Clock": "时钟",
    "Sandbox time": "沙盒时间",
    "frozen": "已停住",
    "Not found": "找不到",
    "The sandbox has nothing under this address. It may have been started afresh since.": (
        "沙盒里没有这个网址对应的内容，可能已重新开始。"
    ),
    # Lists
    "Identifier": "编号",
    "Status": "状态",
    "Type": "类型",
    "Amount": "金额",
    "Reference": "引用号",
    "Email": "邮箱",
    "Created": "创建时间",
    "Charge": "扣款",
    "Last error": "上次错误",
    "Payment": "付款",
    "Reason": "原因",
    "Answer by": "答复期限",
    "About": "对象",
    "Address": "网址",
    "Event types": "事件类型数",
    "API version": "API 版本",
    "All": "全部",
    "Contains": "包含文字",
    "Filter": "筛选",
    "Clear": "清除",
    "Pages": "分页",
    "Page {number}": "第 {number} 页",
    "Newer": "较新",
    "Older": "较早",
    "Nothing matches these filters.": "没有符合筛选条件的内容。",
    "A session appears here when your app calls POST /v1/checkout/sessions. Open its url to pay "
    "it.": "您的应用调用 POST /v1/checkout/sessions 后，会话会出现在这里。打开它的 url 即可付款。",
    "A payment appears here when a buyer presses Pay on a checkout, also when it is declined.": (
        "买家在付款页点“支付”后，付款会出现在这里，被拒绝的也会。"
    ),
    "A refund appears here when your app calls POST /v1/refunds. Pay with 4000 0000 0000 5126 "
    "first to see one fail later.": (
        "您的应用调用 POST /v1/refunds 后，退款会出现在这里。"
        "先用 4000 0000 0000 5126 付款，就能看到退款后来失败。"
    ),
    "Pay with 4000 0000 0000 0259 to have a payment disputed, or with 4000 0000 0000 1976 for an "
    "inquiry.": "用 4000 0000 0000 0259 付款会被拒付，用 4000 0000 0000 1976 付款会收到问询。",
    "Every change of a session, payment, refund or dispute is an event. Create a session and pay "
    "it to see the first.": (
        "会话、付款、退款或争议的每次变化都是一个事件。创建一个会话并付款，就会看到第一个。"
    ),
    "Register an endpoint with POST /v1/webhook_endpoints, or start the sandbox with a webhook "
    "address. Without one, events are kept and nobody is told.": (
        "用 POST /v1/webhook_endpoints 登记端点，或在启动沙盒时给出 webhook 网址。"
        "没有端点时，事件只会保存，不会通知任何人。"
    ),
    # Overview
    "Faults are in force: {count}.": "有 {count} 个故障生效中。",
    "See which": "查看",
    "No webhook endpoint is registered, so nobody is told about events.": (
        "还没有登记 webhook 端点，所以事件不会通知任何人。"
    ),
    "How to register one": "如何登记",
    "Latest events": "最近的事件",
    "Point your app here": "让您的应用连到这里",
    "Any key that starts with sk_test_ opens this sandbox. In Python:": (
        "任何以 sk_test_ 开头的密钥都能使用这个沙盒。Python 写法："
    ),
    "Then create a checkout session and open its url. It appears here at once.": (
        "然后创建一个结账会话并打开它的 url，它会立即出现在这里。"
    ),
    # Deliveries and events
    "Event": "事件",
    "Endpoint": "端点",
    "Last answer": "最近答复",
    "No answer": "无答复",
    "Attempts": "次数",
    "Fault": "故障",
    "Next attempt": "下次投递",
    "A delivery is one event on its way to one endpoint. Register an endpoint, then create a "
    "session and pay it.": ("一次投递就是一个事件送往一个端点。请登记端点，再创建会话并付款。"),
    "This event was sent to nobody: no endpoint was listening when it happened.": (
        "这个事件没有送给任何人：发生时没有端点在接收。"
    ),
    "Send to": "送往",
    "All that have had it": "所有收过它的端点",
    "Send again": "重新投递",
    "Attempts to {address}": "送往 {address} 的记录",
    "{seconds} s": "{seconds} 秒",
    "Payload": "内容",
    "Object": "对象内容",
    "Events about it": "相关事件",
    "Open the checkout": "打开付款页",
    "Signing secret": "签名密钥",
    # Faults
    "Make the sandbox misbehave, to see that your app stands it.": (
        "让沙盒出故障，看看您的应用能否承受。"
    ),
    "In force": "生效中",
    "None. Everything works as it should.": "没有。一切正常。",
    "{percent} % of the time": "概率 {percent}%",
    "{count} more times": "还剩 {count} 次",
    "{count} extra copies": "多送 {count} 份",
    "Turn off": "关闭",
    "Turn all off": "全部关闭",
    "Turn on": "打开",
    "Struck so far:": "已发生：",
    "Webhooks": "Webhook",
    "API": "API",
    "Lose": "丢失",
    "The event is never sent and never retried.": "事件不投递，也不重试。",
    "Repeat": "重复",
    "The same event arrives more than once.": "同一事件送达多次。",
    "Delay": "延迟",
    "The event is sent later.": "事件过一会儿才投递。",
    "Reorder": "乱序",
    "Each event waits a random part of the time, so that they overtake each other.": (
        "每个事件随机等待一段时间，先后次序因此打乱。"
    ),
    "429": "429",
    "The API answers “too many requests”.": "API 答复“请求过多”。",
    "500": "500",
    "The API answers with a server error.": "API 答复服务器错误。",
    "Time-out": "超时",
    "The API keeps silent, then hangs up.": "API 不答复，随后断开连接。",
    "Chance in %": "概率（%）",
    "How often": "次数",
    "no limit": "不限",
    "Only for some": "限定范围",
    "Seconds": "秒数",
    "Extra copies": "多送份数",
    "Event type": "事件类型",
    "Method": "方法",
    "Path": "路径",
    "When": "时机",
    "Before the effect": "生效之前",
    "After the effect": "生效之后",
    "Seed": "随机种子",
    "All chance comes from this number": "所有随机都由这个数产生",
    "Start anew": "重新开始",
    "There is no such fault.": "没有这种故障。",
    "Chance, count, copies and seconds are numbers from 0 up.": (
        "概率、次数、份数和秒数必须是不小于 0 的数。"
    ),
    "Chance is at most 100 %, and a repeat makes at least one copy.": (
        "概率最多 100%，重复至少多送一份。"
    ),
    "The seed is a whole number.": "随机种子必须是整数。",
    # Clock
    "Move on": "向前拨",
    "Sessions expire, debits settle and retries fall due as if you had waited.": (
        "会话过期、扣款到账、重试到期，都和真的等过一样。"
    ),
    "1 minute": "1 分钟",
    "1 hour": "1 小时",
    "1 day": "1 天",
    "7 days": "7 天",
    "Enter a whole number of seconds, at most a year.": "请填写整数秒，最多一年。",
    "Stand still": "停住",
    "A frozen clock lets nothing fall due until you move it on.": (
        "时钟停住后，不往前拨就不会有事情到期。"
    ),
    "Freeze": "停住",
    "Let it run": "继续走",
    "Start over": "重新开始",
    "Forget everything": "清空所有内容",
    "This forgets {sessions} sessions, {payments} payments and {events} events for good. Apps "
    "that remember them will not find them again.": (
        "将永久清空 {sessions} 个会话、{payments} 笔付款和 {events} 个事件。"
        "记着它们的应用将再也找不到它们。"
    ),
    "Forget everything now": "立即清空",
    # What was done
    "The event is on its way again.": "事件已重新投递。",
    "The fault is in force.": "故障已生效。",
    "The fault is out of force.": "故障已关闭。",
    "All faults are out of force.": "所有故障都已关闭。",
    "Chance starts anew from this seed.": "随机已从这个种子重新开始。",
    "The clock has moved on.": "时钟已向前拨。",
    "The clock stands still.": "时钟已停住。",
    "The clock is running.": "时钟在走。",
    "The sandbox has forgotten everything.": "沙盒已清空。",
}

CHINESE: Mapping[str, str] = CHECKOUT_TEXTS | DASHBOARD_TEXTS
