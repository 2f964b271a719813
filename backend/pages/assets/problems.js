// What was refused, in words for people: for every code that the residents' and the visitors' interfaces answer with.
// The server's own remedies are for who writes programs. Beside each code stand the Chinese and the English.

const STALE = ["这一项已经不在了，请返回后重新打开。", "This is no longer there. Go back and open it again."];
const FAULT = ["页面与服务器不一致，请刷新页面后再试。", "The page and the server disagree. Reload the page and try again."];
const BUSY = ["系统繁忙，请稍等几秒再试。", "It is busy at the moment. Try again in a few seconds."];
const OFTEN = ["操作过于频繁，请过几分钟再试。", "That was too often. Try again in a few minutes."];
const AGAIN = ["登录已过期，请重新登录。", "Your log-in has ended. Log in again."];
const ANEW = ["这次拍照已结束，请重新开始。", "This round of pictures is over. Begin again."];
const UNSURE = ["不确定是否已完成，请查看后再决定是否重试。", "It is not sure whether it was done. Look first, then try again."];
const PERIOD = ["结束时间应晚于开始时间和现在。", "The end must be later than the beginning and than now."];

const each = (codes, words) => Object.fromEntries(codes.map((code) => [code, words]));

const PROBLEMS = {
  ...each([
    "approval-not-found", "certificate-not-found", "company-not-found", "delivery-not-found", "enrolment-not-found", "gone", "home-not-found",
    "key-not-found", "member-not-found", "no-number-change", "not-found", "notification-not-found", "pass-not-found",
    "push-subscription-not-found", "request-not-found", "session-not-found", "community-not-found", "link-unknown",
  ], STALE),
  ...each([
    "bad-request", "body-too-large-to-repeat", "challenge-refused", "conflict", "consent-document-not-found", "cursor-invalid",
    "forbidden", "idempotency-key-invalid", "idempotency-key-reused", "method-not-allowed", "notification-channel-unused",
    "notification-kind-unknown", "payload-too-large", "precondition-required", "proof-refused", "public-key-invalid", "unprocessable", "unsupported-media-type",
  ], FAULT),
  ...each(["faces-busy", "request-in-progress", "database-unavailable", "storage-unavailable", "token-renewed-elsewhere", "unavailable"], BUSY),
  ...each(["rate-exceeded", "too-many-requests"], OFTEN),
  ...each(["session-ended", "unauthorised"], AGAIN),
  ...each(["enrolment-ended", "enrolment-expired", "photos-missing", "photos-changed"], ANEW),
  ...each(["window-empty", "window-over"], PERIOD),
  ...each(["commit-unknown", "request-taken-over"], UNSURE),
  "account-dormant": ["这个号码很久没有登录了。请本人到管理处核实后再登录。", "Nobody has logged in with this number for long. Go to the office, which lets you in again."],
  "activation-spent": ["激活码已用过或已过期，请向管理处索取新的。", "This code was used or is too old. Ask the office for another."],
  "activation-unknown": ["没有这个激活码，请核对。", "There is no such activation code. Check it for typing errors."],
  "age-unknown": ["请先请管理处确认出生日期。", "Ask the office to confirm the birth date first."],
  "already-member": ["此激活码属于另一位同住人，请用对方的手机登录。", "This code is for somebody else of your home, who logs in with their own phone."],
  "answer-lost": ["已经完成，只是没有收到答复。请在列表中查看。", "It was done; only the answer got lost. You find it in the list."],
  "approval-answered": ["已经答复过了，之前的答复有效。", "This was answered before, by you or somebody else of the home; that answer stands."],
  "approval-over": ["已经没有人在等了。", "Nobody waits for the answer any more."],
  "certificate-awaited": ["证明还没有做好，请过一分钟再试。", "The certificate is being made. Try again in a minute."],
  "code-refused": ["验证码不正确或已过期，请核对或重新获取。", "That code is wrong or too old. Check it, or ask for another."],
  "consent-missing": ["请先阅读并同意，再拍照。", "Read the text and agree first; then come the pictures."],
  "consent-version-outdated": ["文本已更新，请重新阅读后再决定。", "The text has changed meanwhile. Read it again before you agree."],
  "courier-of-another": ["这个号码的配送员属于以前使用它的人。请公司先移除，再重新登记。", "The courier of this number belongs to whoever had it before. Have the company remove the worker and name the number anew."],
  "decides-himself": ["满十四周岁后由本人决定。", "From fourteen on this is for the young person alone to decide."],
  "delivery-announced": ["此单已登记了另一个时间，请先取消再重新登记。", "You expect this order already, at another time. Cancel that first."],
  "door-group-unknown": ["有的门已不存在，请重新选择。", "One of these doors is no longer there. Choose again."],
  "enrolment-under-erasure": ["您的旧照片正在删除，请过一会儿再拍。", "Your earlier pictures are being destroyed. Try again in a little while."],
  "erasure-running": ["之前的信息正在删除，请过几秒再试。", "What you gave before is being destroyed. Try again in a few seconds."],
  "export-expired": ["副本只保留 24 小时，请重新申请。", "The copy was there for 24 hours. Ask for another."],
  "fresh-log-in-needed": ["为保护您的信息，请重新登录后再操作一次。", "To protect you, log in once more and do it again."],
  "guardian-needed": ["未满十四周岁由监护人同意。在此之前请用二维码。", "A guardian agrees for whoever is under fourteen. Until then the QR code opens."],
  "guardian-refused": ["另一位监护人不同意。请先商量好。", "Another guardian has said no. Agree with them first."],
  "guest-blocked": ["小区不接待这位访客，请联系管理处。", "The community does not admit this guest. Ask the office."],
  "guest-days-spent": ["同一访客来访天数已满。请缩短时间，或把长住的人添加为同住人。", "Your guest has been here for as many days as guests may. Choose a shorter time, or add who stays to your home."],
  "guest-phone-needed": ["这个小区需要访客的手机号。", "This community wants to know the guest's number."],
  "home-full": ["此住所人数已满，请联系管理处。", "The home is full. Ask the office."],
  "internal": ["系统出了问题，请稍后再试。", "Something went wrong at our side. Try again later."],
  "link-closed": ["此链接已失效，请使用最新的链接。", "This link no longer works. Open the newest one that you were sent."],
  "link-expired": ["此链接已过期，请索取新的链接。", "This link is too old. Ask for a new one."],
  "link-held": ["此链接已在另一部手机上使用。", "This link is in use on another phone."],
  "link-opened-too-often": ["打开次数过多，请用上次打开的手机。", "It was opened too often. Go on where it was opened last."],
  "link-unproven": ["您已是住户。请先在这部手机上用住户账号登录，再接受。", "You are a resident here. Log in as one on this phone first, then accept."],
  "messages-unavailable": ["短信暂时发不出去，请稍后再试。", "Messages cannot be sent at the moment. Try again later."],
  "nobody-here": ["您目前不能进入这个小区。", "You may not enter this community at present."],
  "not-a-courier": ["这不是配送员的链接。请打开公司发来的链接。", "This is no courier's link. Open the one that the company has sent."],
  "notification-not-refusable": ["这类消息关系到您的账号或权利，不能关闭。", "This kind guards your account or your rights, so it cannot be turned off."],
  "number-differs": ["公司登记的是您的另一个号码。请公司更改，或把账号换到那个号码。", "The company's link went to another number of yours. Have it name this one, or move your account there."],
  "number-in-use": ["这个号码已有其他人在用，请联系管理处。", "Somebody else has this number. Ask the office."],
  "number-not-proven": ["两个验证码中有一个不正确或已过期，请重新获取两个验证码。", "One of the two codes is wrong or too old. Ask for both again."],
  "number-taken": ["这个号码已有账号。如果是您的，请先用它登录并注销。", "This number has an account. If it is yours, log in with it and delete that account first."],
  "outside-tenancy": ["所选时间超出您的租期。", "That time lies outside your tenancy."],
  "partner-not-admitted": ["这家公司目前不能进入小区。", "This company may not come to your community at present."],
  "pass-not-accepted": ["访客还没有接受邀请。", "Your guest has not accepted yet."],
  "pass-over": ["邀请已经结束，请重新邀请。", "The invitation is over. Make a new one."],
  "phone-contradicted": ["请填写手机号，或勾选“没有手机”，二选一。", "Give a number, or tick that there is none."],
  "phone-differs": ["登录的号码与管理处登记的不一致。", "You are logged in with another number than the office has."],
  "phone-invalid": ["请填写手机号，境外号码请加国家代码。", "Give a mobile number, with its country code if it is not a Chinese one."],
  "photo-refused": ["照片不合格，请重拍。", "That picture was not good enough. Take it again."],
  "photo-too-large": ["照片太大，请选择小于 15 MB 的照片。", "The picture is too large. Choose one of less than 15 MB."],
  "photo-type-unsupported": ["不支持这种文件，请选择照片。", "That is no picture that can be read. Choose a photograph."],
  "photos-refused": ["三张照片不合格，请重拍。", "The three pictures were not good enough. Take them again."],
  "precondition-failed": ["内容刚刚被更改，请查看后再试。", "It was changed a moment ago. Look at it again first."],
  "push-subscription-refused": ["这个浏览器的通知服务不能使用。", "This browser's notifications cannot be used."],
  "push-subscriptions-too-many": ["接收通知的设备太多，请先在其他设备上关闭。", "Too many devices are told. Turn it off on another one first."],
  "recurrence-invalid": ["请检查重复方式：首次应在所选的日子，半年内最多六十次，每次不超过一天。", "Check the repetition: it begins on one of its days, with at most 60 visits of a day each within half a year."],
  "request-decided": ["已经答复。如需更改请重新申请。", "This was decided already. Ask anew where it should be otherwise."],
  "request-incomplete": ["更正请填写姓名；限制和反对请选择住所。", "A correction needs the name; a restriction and an objection need the home."],
  "same-number": ["这就是您现在的号码。", "That is the number you have."],
  "storage-full": ["暂时无法保存，请稍后再试或联系管理处。", "It cannot be kept at present. Try again later, or tell the office."],
  "tenancy-ended": ["租约已经结束。", "The tenancy has ended."],
  "tenant-cannot-leave": ["承租人请到管理处办理退租。", "Tenants end the tenancy at the office."],
  "tenant-only": ["只有承租人可以这样做。", "Only the tenant can do this."],
  "token-spent": ["二维码的次数已用完，请主人重新邀请。", "This code was used as often as it may. Ask the host for another pass."],
  "too-many-codes": ["获取次数过多，请过几分钟再试。", "Too many codes were asked for. Try again in a few minutes."],
  "too-many-deliveries": ["登记的快递太多，请先取消不需要的。", "You expect too many deliveries. Cancel one that no longer comes."],
  "too-many-passes": ["有效的邀请太多，请先取消不需要的。", "There are too many invitations. Cancel one that is not needed."],
  "too-many-phones": ["最多五部手机，请先移除一部。", "Five phones at most. Remove one first."],
  "too-many-photos": ["拍照次数太多，请重新开始，或到管理处办理。", "Too many pictures were tried. Begin again, or ask the office for help."],
  "too-many-requests-made": ["今天的申请已满，请明天再来或联系管理处。", "Ten requests a day are all. Come back tomorrow, or ask the office."],
  "upload-interrupted": ["照片没有传完，请再试一次。", "The picture did not arrive whole. Send it again."],
  "value-unstorable": ["有内容含有不能保存的字符，请修改。", "Something holds a character that cannot be kept. Change it."],
  "ward-not-found": ["您不是这个孩子的监护人。由谁监护请咨询管理处。", "You are not this child's guardian. Who is, the office records."],
  "window-too-far": ["开始时间太远，请临近时再来。", "That is too far ahead. Come back when it is nearer."],
  "window-too-long": ["时间太长，请缩短。", "That is too long. Choose a shorter time."],
};

/** What to say of a problem's code in that language; undefined where the page does not know it. */
export const problem = (code, language) => PROBLEMS[code]?.[language === "en" ? 1 : 0];
