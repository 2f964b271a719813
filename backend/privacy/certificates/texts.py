"""What a certificate's words mean, for people: in Chinese and English."""

import re
from collections.abc import Mapping
from typing import Literal, TypeAlias

__all__ = ["TEXTS", "Language", "law", "text"]

Language: TypeAlias = Literal["zh-CN", "en"]

#: By key: Chinese, English.
TEXTS: Mapping[str, tuple[str, str]] = {
    "title": ("个人信息删除证明", "Certificate of erasure"),
    "complete": ("已完成", "complete"),
    "provisional": ("进行中，尚未全部确认", "provisional: not everything is confirmed yet"),
    "intro.complete": (
        "下列个人信息已删除，各存储位置和各大门设备均已确认（或已失效）。",
        "The data named here is erased. Every store, and every gate, has confirmed it or can no longer hold it.",
    ),
    "intro.provisional": (
        "个人信息已删除，但下列尚待确认或依法保留的除外。大门设备确认、超时自行清除或停用后，且依法保留期满后，本证明将自动更新为“已完成”。",
        "All is erased but what is named here as outstanding or kept. The certificate becomes complete by itself.",
    ),
    "begun": ("提出时间", "Asked for"),
    "completed": ("完成时间", "Completed"),
    "issued": ("签发时间", "Issued"),
    "reason": ("原因", "Reason"),
    "extent": ("范围", "Extent"),
    "backups": ("最后一份密钥备份失效时间", "The last backup of the key is unreadable from"),
    "backups.note": (
        "此后任何备份中的照片和模板都无法解读。",
        "From then on photographs and templates in any backup are noise.",
    ),
    "existed": ("曾经存在的信息", "What there was"),
    "consents": ("曾同意的文本", "Texts that were agreed to"),
    "stores": ("各存储位置的确认", "What each store confirmed"),
    "gates": ("各大门设备的确认", "What each gate confirmed"),
    "gates.none": ("没有相关的大门设备。", "No gate was concerned."),
    "remains": ("仍然保留的信息", "What remains"),
    "verify": ("如何验证", "How to check this"),
    "verify.how": (
        "下载签名文件，使用公钥运行以下命令；内容有任何改动都会被发现。",
        "Download the signed file and run this command with the public keys; any change of its content is found.",
    ),
    "download": ("下载签名文件 (JSON)", "Download the signed file (JSON)"),
    "until": ("保留至", "until"),
    "law": ("依据", "by"),
    "version": ("版本", "version"),
    "given": ("同意", "given"),
    "withdrawn": ("撤回", "withdrawn"),
    "held": ("依法暂缓删除的照片", "Photographs that an order kept"),
    "held.released": ("照片及密钥销毁于", "they and their key were destroyed at"),
    "basis.criminal_investigation": ("刑事侦查", "a criminal investigation"),
    "basis.court_preservation": ("法院证据保全", "a court's order to preserve evidence"),
    "basis.supervisory_authority": ("监管部门要求", "an order of the supervisory authority"),
    "basis.legal_claim": ("法律请求权", "a legal claim"),
    "roster": ("名单版本", "roster"),
    "digest": ("名单摘要", "digest"),
    "wiped_by": ("至迟自行清除于", "wipes itself by"),
    "last_contact": ("最后联系", "last contact"),
    "not_compared": ("摘要未经服务器核对", "digest not compared by the server"),
    "pending": ("待完成", "pending"),
    # Purposes.
    "purpose.face_access": ("人脸识别通行", "entry by face recognition"),
    "purpose.photo_retention": ("保留登记照片", "keeping the photographs"),
    # Reasons.
    "reason.tenancy_ended": ("租约终止", "the tenancy ended"),
    "reason.member_left": ("离开住户名单", "no longer a member of the household"),
    "reason.consent_withdrawn": ("撤回人脸通行同意", "consent to face recognition was withdrawn"),
    "reason.photos_withdrawn": ("撤回保留照片的同意", "consent to keeping photographs was withdrawn"),
    "reason.unused": ("通行权限已结束并超过约定期限", "no right to enter for longer than was promised"),
    "reason.consent_lapsed": (
        "同意失效：监护人的同意未由年满十四周岁的本人接续，或已无监护人",
        "the consent lapsed: a guardian's, which the young person did not make his own, or nobody is his guardian",
    ),
    "reason.courier_joined": (
        "快递员身份与其本人的住户账户合并",
        "the courier and the resident became one person: what was kept of the courier apart went",
    ),
    "reason.invitation_withdrawn": ("访客撤回来访", "the guest withdrew"),
    "reason.account_deleted": ("注销账户", "the account was deleted"),
    # Extents.
    "extent.everything": ("全部", "everything"),
    "extent.community": ("仅限所列小区", "what the communities named had"),
    "extent.photos": ("仅照片", "the photographs"),
    # Kinds.
    "kind.template": ("人脸特征模板", "face template"),
    "kind.photograph": ("登记照片", "photographs"),
    "kind.key": ("个人密钥", "the person's own key"),
    "kind.pseudonym": ("在小区内的匿名编号", "pseudonyms in communities"),
    "kind.membership": ("住户名单记录", "entries in registers of tenants"),
    "kind.account": ("账户和手机号", "account with telephone number"),
    "kind.employment": ("配送员登记", "registrations as a courier"),
    "kind.consent": ("同意记录", "consents"),
    # Steps.
    "step.grants": ("通行权限终止", "rights to enter ended"),
    "step.credentials": ("检索库和大门名单中移除", "removed from the searchable gallery and the roster"),
    "step.templates": ("数据库：模板删除", "database: templates deleted"),
    "step.photos": ("对象存储：照片的所有版本删除", "object store: all versions of photographs deleted"),
    "step.key": ("密钥库：个人密钥销毁", "key store: the person's key destroyed"),
    "step.person": (
        "姓名、匿名编号、账户、手机号和登录记录删除（其他身份仍需的除外）",
        "name, pseudonym, account, number and sessions deleted, as far as no other role needs them",
    ),
    "step.gates": ("大门设备", "gates"),
    # Gates.
    "gate.confirmed": ("已确认", "confirmed"),
    "gate.wiped": ("失联超时，已自行清除名单", "without contact, has wiped itself"),
    "gate.revoked": ("已停用", "revoked"),
    "gate.outstanding": ("待确认", "outstanding"),
    # What remains.
    "remains.account": ("账户和手机号", "the account with its telephone number"),
    "remains.audit_trail": (
        "操作审计记录：仅含编号，不含姓名、号码和人脸信息",
        "the audit trail: numbers only, no name, telephone number or face; as long as the trail is kept",
    ),
    "remains.consent_proof": (
        "同意证明：文本版本和时间，不含姓名",
        "proof of consent: versions of texts and times, without a name",
    ),
    "remains.consents": ("同意记录：文本版本和时间", "consents: versions of texts and times"),
    "remains.destroyed_key_mark": (
        "密钥已销毁的标记：恢复备份时据此再次销毁",
        "a mark that the key was destroyed, so that a restored backup destroys it again; no personal content",
    ),
    "remains.entries": (
        "通行记录：匿名编号和时间，不含人脸信息",
        "records of entries: pseudonym and time, nothing of the face",
    ),
    "remains.erasure_record": ("本次删除的记录和本证明", "the record of this erasure, and this certificate"),
    "remains.face_elsewhere": (
        "人脸信息：本人的另一项通行权限仍需使用，至该权限终止",
        "template, photographs and key: another right of the person needs them, until it ends",
    ),
    "remains.held_photographs": (
        "依法暂缓删除的照片：单独加密，其他信息已删除",
        "photographs that an order keeps, sealed under a key of their own; all else is erased",
    ),
    "remains.register_without_name": (
        "租住记录：住房和起止时间，不含姓名和号码",
        "the tenancy's record: home and dates, without name and number",
    ),
    "remains.role_courier": (
        "配送员身份所需：姓名、公司登记、人脸信息（如已同意），至其终止",
        "what the work as a courier needs: name, the company's registration, the face if he agreed; until that ends",
    ),
    "remains.role_guardian": (
        "监护人身份所需：账户和监护关系，至监护终止",
        "what acting for a child needs: the account and the tie to the child; until that ends",
    ),
    "remains.role_guest": (
        "访客身份所需：姓名和通行权限，至来访结束",
        "what a visit needs: name and right; until it ends",
    ),
    "remains.role_resident": (
        "住户身份所需：登记姓名、通行权限（二维码），至租住终止",
        "what living there needs: name in the register and the right to enter (QR code); until that ends",
    ),
    "remains.role_staff": ("工作人员身份所需：账户", "what the work as staff needs: the account; until that ends"),
    "remains.template": ("人脸特征模板：人脸通行同意仍有效", "the template: consent to face recognition still stands"),
    # The page before the certificate.
    "enter": ("查看证明", "Show the certificate"),
    "enter.how": (
        "如未自动显示，请粘贴链接中 # 之后的部分。",
        "If nothing appears by itself, paste what follows # in your link.",
    ),
}


def text(key: str, language: Language) -> str:
    """The words; what has none stands for itself."""
    found = TEXTS.get(key)
    if found is None:
        return key.rpartition(".")[2]
    return found[0] if language == "zh-CN" else found[1]


_LAWS = {
    "PIPL": "个人信息保护法",
    "Civil Code (CN)": "民法典",
    "Cybersecurity Law (CN)": "网络安全法",
    "Criminal Procedure Law (CN)": "刑事诉讼法",
    "Civil Procedure Law (CN)": "民事诉讼法",
}
_ARTICLE = re.compile(r"(?P<law>.+) art\. (?P<article>\d+)(?:\((?P<first>\d+)\))?(?:\((?P<second>\d+)\))?")


def law(name: str, language: Language) -> str:
    """How an article is cited: "PIPL art. 13(1)(2)" is the first paragraph's second item of article 13."""
    cited = _ARTICLE.fullmatch(name)
    if language != "zh-CN" or cited is None or cited["law"] not in _LAWS:
        return name
    first, second = cited["first"], cited["second"]
    if first is not None and second is None:
        # Articles with one paragraph only are cited by their items.
        first, second = None, first
    paragraph = "" if first is None else f"第{first}款"
    item = "" if second is None else f"第{second}项"
    return f"《{_LAWS[cited['law']]}》第{cited['article']}条{paragraph}{item}"
