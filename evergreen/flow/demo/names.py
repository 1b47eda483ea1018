"""Material for names: companies, cities, people. Each Chinese word stands with its English or pinyin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_STEM = (
    "锐rui 丰feng 启qi 恒heng 远yuan 帆fan 澄cheng 明ming 青qing 禾he 岳yue 云yun 杉shan 南nan 屿yu 川chuan 拓tuo 海hai 信xin 诚cheng "
    "立li 正zheng 华hua 宇yu 天tian 泽ze 德de 润run 嘉jia 盛sheng 金jin 石shi 长chang 安an 博bo 雅ya 卓zhuo 越yue 晨chen 光guang 星xing "
    "辰chen 瑞rui 和he 达da 通tong 鼎ding 力li 凯kai 旋xuan 维wei 思si 朗lang 景jing 致zhi 方fang 同tong 创chuang 智zhi 联lian 源yuan 峰feng "
    "航hang 宏hong 广guang 元yuan 亿yi 成cheng 麦mai 谷gu 森sen 林lin 沐mu 枫feng 溪xi 桥qiao 白bai 鹿lu 蓝lan 松song 柏bai 竹zhu 兰lan"
)
_SURNAMES = (
    "王wang 李li 张zhang 刘liu 陈chen 杨yang 赵zhao 黄huang 周zhou 吴wu 徐xu 孙sun 胡hu 朱zhu 高gao 林lin 何he 郭guo 马ma 罗luo "
    "梁liang 宋song 郑zheng 谢xie 韩han 唐tang 冯feng 于yu 董dong 程cheng 曹cao 袁yuan 邓deng 许xu 傅fu 沈shen 曾zeng 彭peng 吕lv 苏su "
    "卢lu 蒋jiang 蔡cai 贾jia 丁ding 魏wei 薛xue 叶ye 余yu 潘pan 杜du 戴dai 夏xia 钟zhong 汪wang 田tian 任ren 姜jiang 范fan 方fang"
)
_GIVEN = (
    "敏min 静jing 丽li 强qiang 磊lei 军jun 洋yang 勇yong 艳yan 杰jie 娟juan 涛tao 超chao 霞xia 平ping 刚gang 晴qing 淑shu 雪xue 梅mei "
    "玲ling 辉hui 鹏peng 飞fei 斌bin 波bo 宁ning 建jian 国guo 文wen 晓xiao 志zhi 佳jia 思si 雨yu 子zi 梦meng 欣xin 怡yi 浩hao 宇yu 轩xuan "
    "俊jun 凯kai 倩qian 琳lin 瑶yao 楠nan 璐lu 蕾lei 颖ying 晨chen 旭xu 阳yang 远yuan 航hang 松song 岩yan 青qing 兰lan"
)


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((word[0], word[1:]) for word in text.split())


STEM, SURNAMES, GIVEN = _pairs(_STEM), _pairs(_SURNAMES), _pairs(_GIVEN)


@dataclass(frozen=True, slots=True)
class Trade:
    """An industry: names, how many of the book belong to it, words that end its companies' names, weekend work."""

    zh: str
    en: str
    share: float
    endings: tuple[tuple[str, str], ...]
    weekend: float = 0.08


TRADES: tuple[Trade, ...] = (
    Trade("制造", "Manufacturing", 0.20, (("精密", "Precision"), ("机械", "Machinery"), ("电子", "Electronics"), ("五金", "Hardware"), ("新材料", "Materials"), ("包装", "Packaging"))),
    Trade("零售连锁", "Retail chains", 0.14, (("连锁", "Stores"), ("商贸", "Trading"), ("百货", "Department Stores"), ("优选", "Select")), 0.55),
    Trade("批发贸易", "Wholesale", 0.12, (("贸易", "Trade"), ("进出口", "Import Export"), ("商贸", "Commerce"))),
    Trade("物流供应链", "Logistics", 0.09, (("供应链", "Supply Chain"), ("物流", "Logistics"), ("冷链", "Cold Chain")), 0.3),
    Trade("财税服务", "Tax and accounting", 0.09, (("财税", "Tax"), ("会计", "Accounting"), ("财务咨询", "Finance Advisers"))),
    Trade("餐饮食品", "Food", 0.10, (("餐饮", "Restaurants"), ("食品", "Foods"), ("茶饮", "Tea")), 0.5),
    Trade("教育培训", "Education", 0.06, (("教育", "Education"), ("培训", "Training")), 0.4),
    Trade("医药健康", "Health", 0.06, (("医药", "Pharma"), ("医疗器械", "Medical Devices"), ("健康", "Health"))),
    Trade("建筑装饰", "Construction", 0.06, (("建设", "Construction"), ("装饰", "Interiors"), ("工程", "Engineering"))),
    Trade("物业服务", "Property services", 0.04, (("物业", "Property"), ("园区服务", "Parks"))),
    Trade("企业服务", "Business services", 0.04, (("咨询", "Consulting"), ("人力", "People"), ("文化传媒", "Media"))),
)  # fmt: skip

CITIES: tuple[tuple[str, str, float], ...] = (
    ("杭州", "Hangzhou", 12), ("上海", "Shanghai", 12), ("苏州", "Suzhou", 9), ("深圳", "Shenzhen", 9), ("宁波", "Ningbo", 7),
    ("广州", "Guangzhou", 7), ("东莞", "Dongguan", 5), ("北京", "Beijing", 6), ("成都", "Chengdu", 5), ("武汉", "Wuhan", 4),
    ("南京", "Nanjing", 4), ("无锡", "Wuxi", 4), ("佛山", "Foshan", 3), ("青岛", "Qingdao", 3), ("厦门", "Xiamen", 3),
    ("长沙", "Changsha", 3), ("郑州", "Zhengzhou", 2), ("西安", "Xi'an", 2), ("合肥", "Hefei", 2), ("重庆", "Chongqing", 2),
)  # fmt: skip


def company_stems(chance: np.random.Generator, count: int, taken: set[str]) -> list[tuple[str, str]]:
    """Different two-character names with their English form, none of them in ``taken``."""
    found: dict[str, str] = {}
    while len(found) < count:
        left, right = chance.integers(0, len(STEM), 2)
        zh = STEM[left][0] + STEM[right][0]
        if left != right and zh not in taken:
            found.setdefault(zh, (STEM[left][1] + STEM[right][1]).capitalize())
    return list(found.items())


def person(chance: np.random.Generator) -> tuple[str, str]:
    """A person's name and its Latin form for an address, such as (林淑敏, lin.shumin)."""
    surname = SURNAMES[int(chance.integers(len(SURNAMES)))]
    length = 1 if chance.random() < 0.22 else 2
    given = [GIVEN[int(place)] for place in chance.choice(len(GIVEN), length, replace=False)]
    return surname[0] + "".join(g[0] for g in given), f"{surname[1]}.{''.join(g[1] for g in given)}"
