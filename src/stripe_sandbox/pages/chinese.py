"""Simplified Chinese for every sentence of the pages; the English sentence is the key."""

from __future__ import annotations

from collections.abc import Mapping

CHECKOUT_TEXTS: Mapping[str, str] = {
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
    "The bank confirms a direct debit only days later. {merchant} delivers when the money has "
    "arrived.": "银行要过几天才会确认直接扣款，款项到账后 {merchant} 才会发货。",
    "You confirm this payment with {method}. The sandbox confirms it at once.": (
        "这笔付款由{method}确认，沙盒会立即代为确认。"
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
    "Nothing was charged. Go back to the shop and start again.": (
        "没有扣款。请返回商店重新下单。"
    ),
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
    "American Express, 4-digit code": "美国运通，安全码 4 位",
    "Asks for 3-D Secure": "要求 3-D Secure 验证",
    "Authentication required": "必须验证",
    "Authenticates, then declined": "验证通过后被拒绝",
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
}

CHINESE: Mapping[str, str] = CHECKOUT_TEXTS
