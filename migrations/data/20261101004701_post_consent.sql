-- migrate:up
SET lock_timeout = '3s';

-- The texts say what the law keeps from being deleted, and what a community may turn on. What people agreed to is as it
-- was, so nobody is asked again. Only once the new release runs: to the one before, a newer text makes every agreement to
-- an older one void, and it would delete the photographs that were kept by it.
-- The tables' owner is under row-level security too, and may publish and nothing else: putting back what a reverted
-- migration has left takes more.
ALTER TABLE consent_document NO FORCE ROW LEVEL SECURITY;
INSERT INTO consent_document (purpose, version, language, title, body, sha256, asks_again, changes)
SELECT purpose, 2, language, title, btrim(body, E'\n'), sha256(convert_to(btrim(body, E'\n'), 'UTF8')), false, changes
FROM (VALUES
('face_access', 'zh-CN', '人脸识别通行：个人信息处理告知与单独同意书',
'新增说明：依法暂缓删除照片的情形；小区可以为特定目的开启“被拒绝通行时的画面”功能。您同意的处理目的、方式和范围没有变化，无需重新同意。',
$text$
本告知书说明：如果您同意，我们将如何使用您的人脸信息为您打开小区大门。请仔细阅读。是否同意由您自愿决定；不同意，您同样可以进出小区（见第七条）。

一、谁处理您的信息
个人信息处理者是您所加入的小区的运营管理单位（住房保障机构或受其委托的物业管理单位）。其名称和联系方式在您阅读本告知书的页面上以及小区服务台公示。

二、处理哪些信息
1. 您登记时拍摄的三张面部照片；
2. 由照片计算得出的一组数字，即“人脸特征模板”。
人脸信息属于敏感个人信息。一旦泄露或者被非法使用，可能使您的人格尊严受到侵害，或者使您的人身、财产安全受到危害；而且人脸与密码不同，无法更换。因此我们依据《中华人民共和国个人信息保护法》第二十九条取得您的单独同意，并已依法进行个人信息保护影响评估。

三、为什么处理，以及为何必要
唯一目的：在小区大门核验您本人，为您开门，并防止他人冒用您的身份进入。为此，登记时会将您的模板与本小区其他人的模板进行比对，以发现重复登记和容易混淆的相似面孔。
我们不会将您的人脸信息用于考勤、营销、画像、情绪分析、行踪追踪或者任何其他目的，不会出售，也不会公开。摄像头前未登记的路人，其模板一律不保存，其图像也不保存，唯一的例外是：小区为特定目的开启了“被拒绝通行时的画面”功能。开启后，大门拒绝通行时保留该次通行的一张人脸小图，加密保存，至迟二十四小时后删除，不用于登记，也不用于比对或者搜索任何人。该功能在开启满九十日前自动终止。您所在的小区是否开启、目的为何、保存多久，显示在本告知书下方。

四、如何处理，保存在哪里
1. 照片在您等待时即在内存中检查，去除位置等附带信息，加密（AES-256-GCM，一人一密钥）后保存。模板同样加密保存。
2. 服务器设在小区所在国家境内，不向境外提供。
3. 模板以加密方式同步到您有权进入的小区的大门设备，比对在大门设备上完成。其他小区的设备没有您的模板。
4. 大门由设备自动判断是否开启。如判断有误，您可以随时使用二维码通行或请服务台人工处理，并有权要求我们予以说明。

五、谁能看到
经授权的工作人员仅在人工核验您的登记时可以查看照片，每次操作均有记录。没有人查看或导出模板。您的家人、邻居、邀请您的住户以及快递、外卖企业都得不到您的照片或者模板。

六、保存多久
1. 住户：至您的租约终止或者您被从住户名单中移除时为止。
2. 访客：至来访结束后二十四小时为止。
3. 快递、外卖人员：至您的最后一次排班或配送结束后三十日为止；模板仅在排班或配送期间存在于大门设备上。
4. 到期后，通行权限立即终止，服务器上的模板、照片和您的专用密钥随即删除和销毁；密钥备份至迟七日内失效，此后任何备份中的数据都无法解读。在线的大门设备立即删除；离线的设备在恢复连接时删除，持续失联满七日的，自行清除全部名单。各设备的删除确认会被记录，您可以查询。
5. 若您在其他小区仍有通行权限，仅删除与已终止小区有关的部分，直至最后一项权限终止。
6. 依法暂缓删除：刑事侦查机关、法院、监管部门依法要求保留某人的照片，或者为提出、行使法律请求权确有需要的，该照片（包括服务台为核对登记而保存的照片）不随上述期限删除，而是以单独的密钥加密保存，仅机构指定的法务人员可以查看，每次查看均有记录。每次至多六个月，到期或者解除后随即销毁；其他信息照常删除。您可以在删除记录和删除证明中看到；依法不得告知的，在解除后告知。
为证明处理合法，我们保留您同意和撤回同意的时间与文本版本，以及删除记录，其中不含人脸信息。

七、不同意怎么办：同等的二维码通行方式
您可以选择不提供人脸信息，使用手机二维码通行。二维码与人脸享有完全相同的通行权限，不收取额外费用，不附加条件。我们不会因为您不同意或者撤回同意而拒绝您进入或者降低服务。

八、如何撤回同意
您可以随时在提供同意的同一页面上撤回，与同意时一样方便，无需说明理由。撤回后，我们立即开始删除您的模板、照片和密钥，您的通行权限以二维码方式继续有效。撤回不影响撤回前已进行的处理的效力。

九、您的其他权利
您有权查阅、复制、更正、补充、删除您的个人信息，要求解释处理规则，请求转移，以及向小区运营管理单位或者履行个人信息保护职责的部门投诉、举报，或者依法提起诉讼（《个人信息保护法》第四十四条至第五十条）。在适用欧盟《通用数据保护条例》（GDPR）的地方，处理依据为第六条第一款(a)项和第九条第二款(a)项的明确同意，您享有第十五条至第二十二条的权利，并可依第七十七条向监管机构投诉。

十、未成年人
未满十四周岁的，须由父母或者其他监护人阅读并同意；监护人不同意的，使用二维码通行。

点击“同意”，即表示您已阅读并理解以上内容，自愿单独同意我们为上述唯一目的处理您的人脸信息。
$text$),
('face_access', 'en', 'Entry by face recognition: notice and separate consent',
'New in it: when the law keeps photographs from being deleted, and that a community can keep pictures of denied approaches for a named purpose. What you agreed to has not changed, and you need not agree again.',
$text$
This notice says how we will use your face to open the community's gate for you, if you agree. Please read it carefully. You decide freely. If you do not agree, you come and go just the same (see 7).

1. Who processes your data
The personal information handler (controller) is the operator of the community that you are joining: the housing authority, or the property manager it has appointed. Its name and contact are shown on the page where you read this notice and at the community's service desk.

2. What is processed
a) Three photographs of your face, taken when you enrol;
b) a row of numbers computed from them, the "face template".
Your face is sensitive personal information (PIPL art. 28) and biometric data of a special category (GDPR art. 9). If it leaked or were misused, your dignity or your safety and property could suffer, and unlike a password a face cannot be changed. That is why we ask for your separate consent (PIPL art. 29), and why an impact assessment was made (PIPL art. 55, GDPR art. 35).

3. Why, and why it is needed
For one purpose only: to recognise you at the community's gates, open them for you, and keep others from entering in your name. To that end your template is compared, when you enrol, with those of the other people of this community, to find double enrolments and faces that are easily confused.
We do not use your face for attendance, advertising, profiling, reading of emotions, following your movements or anything else. We do not sell or publish it. Of a passer-by who is not enrolled no template is ever kept, and no image, with one exception: a community can turn on, for a named purpose, pictures of denied approaches. Then one small picture of the face is kept where a gate refuses somebody, encrypted and for 24 hours at the most; nobody is enrolled with it, and it is never compared with anybody or searched for. This ends by itself after 90 days at the latest. Whether your community has turned it on, for what and how long, stands beneath this notice.

4. How, and where it is stored
a) The photographs are checked in memory while you wait, stripped of location and other hidden data, and stored encrypted (AES-256-GCM, one key per person). The template is stored encrypted too.
b) The servers stand in the country in which the community lies. Nothing is transferred abroad.
c) The template goes, encrypted, to the gates of those communities that you may enter, and the comparison is done in the gate. Gates of other communities do not have it.
d) The gate decides by itself whether to open. If it is wrong, you can use your QR code at any time or ask the service desk, where a person will help you, and you can ask us to explain.

5. Who sees it
Authorised staff can see the photographs only while they verify your enrolment by hand, and each such access is recorded. Nobody looks at templates or exports them. Your family, your neighbours, the resident who invites you, and courier companies get neither photographs nor template.

6. How long
a) Residents: until your tenancy ends or you are taken off the household's list.
b) Guests: until 24 hours after the visit has ended.
c) Couriers: until 30 days after your last shift or delivery; your template is on gates only during a shift or delivery.
d) Then your right to enter ends at once, and the template, the photographs and your own key are deleted and destroyed on the servers directly afterwards. Backups of keys expire within 7 days; from then on the data in any backup is unreadable. Gates that are connected delete it at once; a gate that is cut off deletes it when it is back, and wipes its whole list by itself after 7 days without contact. Each gate's confirmation is recorded and you can ask for it.
e) If you still have a right to enter another community, only what belongs to the ended one is deleted, until your last right has ended.
f) Where a criminal investigation, a court or a supervisory authority lawfully orders that somebody's photographs be kept, or a legal claim needs them, these photographs (those that the service desk holds to check your enrolment included) are not deleted at those times. They are kept encrypted under a key of their own, for the authority's legal officer alone, each look recorded, for 6 months at a time at the most, and destroyed when that ends. Everything else is deleted as usual. You read of it in the record and the certificate of the deletion; where the law forbids to tell you, once it has ended.
To prove that we acted lawfully we keep when you gave and withdrew consent and to which text, and the record of the deletion. Neither contains anything of your face.

7. If you do not agree: the QR code, with the same rights
You can choose not to give your face and use a QR code on your phone. It opens the same gates at the same times, costs nothing extra and has no further conditions. We will not refuse you entry or serve you worse because you do not agree or withdraw your consent.

8. How to withdraw
At any time, on the same page where you agreed, as easily as you agreed, without giving a reason. We then begin at once to delete your template, photographs and key; your right to enter goes on with the QR code. What was done before remains lawful.

9. Your other rights
You may see your data, have a copy, have it corrected, completed or deleted, have the rules explained, have it transferred, and complain to the operator or to the authority responsible for the protection of personal information, or go to court (PIPL arts. 44 to 50). Where the GDPR applies, the basis is your explicit consent (art. 6(1)(a) and art. 9(2)(a)), you have the rights of arts. 15 to 22, and you may lodge a complaint with a supervisory authority (art. 77).

10. Children
For a child under 14 a parent or guardian must read this and agree. Without that the child uses the QR code.

By choosing "I agree" you say that you have read and understood this notice and that you freely and separately consent to the use of your face for the one purpose named above.
$text$),
('photo_retention', 'zh-CN', '保留登记照片：个人信息处理告知与单独同意书',
'新增说明：依法暂缓删除照片的情形。您同意的处理目的、方式和范围没有变化，无需重新同意。',
$text$
本告知书与“人脸识别通行”的同意书相互独立。您可以同意人脸识别通行而不同意本项；不同意本项，不影响您使用人脸或者二维码通行。

一、谁处理您的信息
个人信息处理者是您所加入的小区的运营管理单位（住房保障机构或受其委托的物业管理单位）。其名称和联系方式在您阅读本告知书的页面上以及小区服务台公示。

二、处理什么
您登记时拍摄的三张面部照片。照片中的人脸属于敏感个人信息，泄露或者被非法使用可能危害您的人格尊严和人身、财产安全，因此需要您的单独同意。

三、为什么保留
1. 更换或者升级识别软件时，用照片重新计算模板，您无需重新拍摄；
2. 您对登记结果或者大门的判断有异议时，供人工核对。
照片不用于任何其他目的。

四、如何保存，保存在哪里
照片以您的专用密钥加密（AES-256-GCM），保存在小区所在国家境内的服务器上，不发送到大门设备，不向境外提供。

五、谁能看到
仅经授权的工作人员在人工核对时可以查看，每次查看均有记录。其他任何人和企业均得不到照片。

六、保存多久
与您的人脸通行期限相同：住户至租约终止或者被移出住户名单，访客至来访结束后二十四小时，快递、外卖人员至最后一次排班或配送结束后三十日；您撤回本同意或者撤回人脸识别通行同意的，随即删除。
刑事侦查机关、法院、监管部门依法要求保留照片，或者为提出、行使法律请求权确有需要的，照片以单独的密钥加密保存，仅机构指定的法务人员可以查看，每次至多六个月，到期或者解除后随即销毁。您可以在删除记录和删除证明中看到；依法不得告知的，在解除后告知。

七、不同意会怎样
登记审核有结果后，照片即被删除，只保留加密的模板。将来更换识别软件时，会请您重新拍摄；在此之前您可以使用二维码，通行权限完全相同。

八、如何撤回
您可以随时在提供同意的同一页面上撤回，无需说明理由。撤回后照片即被删除，人脸通行不受影响。撤回不影响撤回前已进行的处理的效力。

九、您的其他权利
您有权查阅、复制、更正、删除照片，要求解释处理规则，并可向小区运营管理单位或者履行个人信息保护职责的部门投诉、举报（《个人信息保护法》第四十四条至第五十条；适用 GDPR 的，第十五条至第二十二条、第七十七条，处理依据为第九条第二款(a)项的明确同意）。未满十四周岁的，须由监护人同意。

点击“同意”，即表示您已阅读并理解以上内容，自愿单独同意我们为上述目的保留您的登记照片。
$text$),
('photo_retention', 'en', 'Keeping your enrolment photographs: notice and separate consent',
'New in it: when the law keeps photographs from being deleted. What you agreed to has not changed, and you need not agree again.',
$text$
This consent is independent of the one for entry by face recognition. You can agree to entry by face and refuse this. Refusing it changes nothing about your entry, by face or by QR code.

1. Who processes your data
The personal information handler (controller) is the operator of the community that you are joining: the housing authority, or the property manager it has appointed. Its name and contact are shown on the page where you read this notice and at the community's service desk.

2. What is processed
The three photographs of your face taken when you enrol. They are sensitive personal information (PIPL art. 28); if they leaked or were misused, your dignity or your safety and property could suffer. That is why we ask for your separate consent (PIPL art. 29; GDPR art. 9(2)(a)).

3. Why they are kept
a) To compute your template anew when the recognition software is replaced, so that you need not take photographs again;
b) for a person to check, when you disagree with the result of your enrolment or with a gate's decision.
For nothing else.

4. How, and where
Encrypted with your own key (AES-256-GCM), on servers in the country in which the community lies. They are not sent to gates and not transferred abroad.

5. Who sees them
Authorised staff, only for such a check, and each access is recorded. Nobody else, no company.

6. How long
As long as your entry by face: residents until the tenancy ends or they are taken off the household's list, guests until 24 hours after the visit, couriers until 30 days after the last shift or delivery. If you withdraw this consent, or the one for entry by face recognition, they are deleted directly afterwards.
Where a criminal investigation, a court or a supervisory authority lawfully orders that they be kept, or a legal claim needs them, they are kept encrypted under a key of their own, for the authority's legal officer alone, for 6 months at a time at the most, and destroyed when that ends. You read of it in the record and the certificate of the deletion; where the law forbids to tell you, once it has ended.

7. If you do not agree
Your photographs are deleted once your enrolment has been decided; only the encrypted template stays. When the recognition software is replaced one day, you will be asked for new photographs; until then the QR code gives you the same rights.

8. How to withdraw
At any time, on the same page where you agreed, without giving a reason. The photographs are then deleted; your entry by face is not affected. What was done before remains lawful.

9. Your other rights
You may see the photographs, have a copy, have them corrected or deleted, have the rules explained, and complain to the operator or to the authority responsible for the protection of personal information (PIPL arts. 44 to 50; where the GDPR applies, arts. 15 to 22 and 77). For a child under 14 a guardian must agree.

By choosing "I agree" you say that you have read and understood this notice and that you freely and separately consent to our keeping your enrolment photographs for the purposes named above.
$text$)
) AS text (purpose, language, title, changes, body)
ON CONFLICT DO NOTHING;
ALTER TABLE consent_document FORCE ROW LEVEL SECURITY;

-- migrate:down
-- A text that somebody has agreed to stays, as the proof of what it was.
ALTER TABLE consent_document NO FORCE ROW LEVEL SECURITY;
ALTER TABLE consent NO FORCE ROW LEVEL SECURITY;
DELETE FROM consent_document d WHERE version = 2
    AND NOT EXISTS (SELECT FROM consent c WHERE c.purpose = d.purpose AND c.version = 2);
ALTER TABLE consent FORCE ROW LEVEL SECURITY;
ALTER TABLE consent_document FORCE ROW LEVEL SECURITY;
