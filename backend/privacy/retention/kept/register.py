"""People, households and accounts."""

from datetime import timedelta

from backend.accounts.limits import ADDRESS_LIMITS, PHONE_LIMITS
from backend.accounts.service import REFRESH_TTL
from backend.households.imports.service import KEPT as IMPORTED_FILES_KEPT
from backend.privacy.retention.rules import Bounds, Enforcement, Law, Rule
from backend.privacy.rules import PROOF_KEPT

__all__ = ["REGISTER"]

REGISTER = (
    Rule(
        key="people",
        tables=("person",),
        what="name and language of people whom nothing refers to any more",
        what_zh="不再被任何记录引用的个人姓名和语言",
        since="until no account, household, link, company, community or consent refers to them",
        period=timedelta(days=1),
        why="a link that was opened has no pass yet",
        laws=(Law.PIPL_DELETE, Law.GDPR_ERASURE),
        by=Enforcement.JOB,
    ),
    Rule(
        key="pseudonyms",
        tables=("subject", "face_restriction"),
        what="which person a community's pseudonym stands for",
        what_zh="小区化名与本人的对应关系",
        since="the end of the last right in the community, with its erasure; what that leaves, once nothing names it",
        period=timedelta(days=1),
        why="to find a person's entries for him, and for nobody without his community",
        laws=(Law.PIPL_SHORTEST, Law.PIPL_DELETE, Law.GDPR_STORAGE),
        by=Enforcement.JOB,
    ),
    Rule(
        key="minors",
        tables=("minor",),
        what="birth dates of members under age; none of adults",
        what_zh="未成年住户的出生日期 (不保存成年人的出生日期)",
        since="until the eighteenth birthday, or until the member leaves the register or is erased",
        period=None,
        why="to know who decides for a child, and from when on it decides itself",
        laws=(Law.PIPL_NECESSITY, Law.PIPL_SENSITIVE, Law.GDPR_STORAGE),
        by=Enforcement.ERASURE,
    ),
    Rule(
        key="register",
        tables=("member", "tenancy", "guardianship", "guardian_refusal"),
        what="ended memberships and tenancies, and who acted for a child; the name goes before, with the person's last "
        "role",
        what_zh="已结束的住户登记、租约和监护关系",
        since="the end of the membership",
        period=PROOF_KEPT,
        why="claims out of the tenancy",
        laws=(Law.LIMITATION, Law.PIPL_SHORTEST, Law.GDPR_STORAGE),
        by=Enforcement.JOB,
        bounds=Bounds(30, 3650),
    ),
    Rule(
        key="imported_files",
        tables=("register_import_batch",),
        what="files of an authority's register that are being imported, sealed under a key of their own",
        what_zh="正在导入的住户登记文件 (单独密钥加密)",
        since="the end of the import; at the latest since the file came",
        period=IMPORTED_FILES_KEPT,
        why="the office looks at what it would change before it confirms",
        laws=(Law.PIPL_NECESSITY, Law.PIPL_SHORTEST, Law.GDPR_STORAGE),
        by=Enforcement.JOB,
    ),
    Rule(
        key="imports",
        tables=("register_import",),
        what="reports of imports: numbers of lines, codes and ids; no names",
        what_zh="登记导入报告 (行号、代码和编号, 不含姓名)",
        since="the end of the import",
        period=timedelta(days=90),
        why="to put wrong lines right, and to tell who changed what",
        laws=(Law.PIPL_SHORTEST, Law.GDPR_STORAGE),
        by=Enforcement.JOB,
    ),
    Rule(
        key="activation_codes",
        tables=("activation",),
        what="keyed hashes of codes with which people join a household",
        what_zh="住户激活码的密钥散列",
        since="use or expiry",
        period=timedelta(days=7),
        why="to tell somebody that his code is used up",
        laws=(Law.PIPL_SECURITY, Law.GDPR_SECURITY),
        by=Enforcement.JOB,
    ),
    Rule(
        key="accounts",
        tables=("account", "staff", "staff_role", "second_factor", "recovery_code"),
        what="the telephone number of an account; staff's names, roles and second factors, sealed",
        what_zh="账户的电话号码、工作人员的姓名、角色和二次验证密钥 (已加密)",
        since="until its owner has it deleted, or the member of staff is removed",
        period=None,
        why="to log in",
        laws=(Law.PIPL_NECESSITY, Law.GDPR_STORAGE),
        by=Enforcement.KEPT,
    ),
    Rule(
        key="login_challenges",
        tables=("login_challenge", "rate_window"),
        what="keyed hashes of log-in codes, numbers and addresses; how many requests were counted",
        what_zh="登录验证码、号码和地址的密钥散列、请求计数",
        since="the request for the code",
        period=max(limit.window for limit in (*PHONE_LIMITS, *ADDRESS_LIMITS)),
        why="to limit how often codes are asked for, and requests made",
        laws=(Law.PIPL_SECURITY, Law.GDPR_SECURITY),
        by=Enforcement.JOB,
    ),
    Rule(
        key="sessions",
        tables=("session", "refresh_token"),
        what="log-in sessions and keyed hashes of their tokens",
        what_zh="登录会话及令牌的密钥散列",
        since="the last renewal",
        period=REFRESH_TTL,
        why="to stay logged in, and to notice a stolen token",
        laws=(Law.PIPL_SECURITY, Law.GDPR_SECURITY),
        by=Enforcement.JOB,
    ),
)
